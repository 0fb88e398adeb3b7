/** Requests that do not give up: the same one again until the server has answered, with a visible status meanwhile. */

const TIMEOUT_MS = 15_000;
const PAUSES_MS = [500, 1000, 2000, 4000, 5000];

/** The server said no, and will say so again. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly body: { error?: { field?: string; message?: string } },
  ) {
    super(`${status} ${code}: ${body.error?.message ?? ""}`);
  }
}

/** "busy": the server answers, but takes nothing at the moment (it starts again, its disk is full). */
export type Connection = { state: "ok" | "lost" | "busy"; attempts: number };
let connection: Connection = { state: "ok", attempts: 0 };
const listeners = new Set<(connection: Connection) => void>();

/** Be told when the connection is lost and when it is back. */
export function onConnection(listener: (connection: Connection) => void): void {
  listeners.add(listener);
}

interface Request {
  method: "GET" | "POST";
  token?: string;
  body?: (attempt: number) => unknown;
}

/** JSON from the server. Throws Refusal where trying again would not help, and else tries for ever. */
export async function json<T>(path: string, request: Request): Promise<T> {
  const response = await persist(path, (attempt) => {
    const headers: Record<string, string> = {};
    if (request.token) headers.Authorization = `Bearer ${request.token}`;
    if (request.body) headers["Content-Type"] = "application/json";
    const body = request.body ? JSON.stringify(request.body(attempt)) : null;
    return { method: request.method, headers, body, cache: "no-store" };
  });
  return (await response.json()) as T;
}

/** An image's bytes. */
export async function bytes(path: string, onRetry: () => void): Promise<Blob> {
  const response = await persist(path, (attempt) => {
    if (attempt > 1) onRetry();
    return { method: "GET" };
  });
  return response.blob();
}

async function persist(path: string, init: (attempt: number) => RequestInit): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    let state: Connection["state"] = "lost";
    let wait = PAUSES_MS[Math.min(attempt, PAUSES_MS.length) - 1]! * (0.8 + 0.4 * Math.random());
    try {
      const response = await fetch(path, { ...init(attempt), signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (response.status < 500 && response.status !== 429) {
        report({ state: "ok", attempts: attempt });
        if (response.ok) return response;
        throw await refusal(response);
      }
      state = "busy";
      wait = Math.max(wait, 1000 * Number(response.headers.get("Retry-After") ?? 0));
    } catch (error) {
      if (error instanceof Refusal) throw error;
    }
    report({ state, attempts: attempt });
    await pauseOrOnline(wait);
  }
}

async function refusal(response: Response): Promise<Refusal> {
  const body = await response.json().catch(() => ({}));
  return new Refusal(response.status, body?.error?.code ?? "other", body);
}

function report(next: Connection): void {
  const changed = next.state !== connection.state || next.state !== "ok";
  connection = next;
  if (changed) for (const listener of listeners) listener(next);
}

/** Wait, but no longer than until the browser is online again. */
function pauseOrOnline(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      clearTimeout(timer);
      window.removeEventListener("online", go);
      resolve();
    };
    const timer = setTimeout(go, ms);
    window.addEventListener("online", go);
  });
}
