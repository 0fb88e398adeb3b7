// The toolbar of the preview. In the frame is the participant's page itself, which draws one page after another.
const of = (id) => document.getElementById(id);
const frame = of("frame");
const { session, once, language } = document.body.dataset;
const TRUTH = ["solution", "kind", "condition", "scheme", "difficulty", "unit", "trial"];
const FIRST = "Before the blocks";
const LAST = "After the blocks";
let page = null; // what the frame's page offers
let stops = [];
let at = 0;
let truth = null; // by key of the trial, while the switch is on

function load() {
  of("said").textContent = "Loading …";
  of("truth").checked = false;
  truth = null;
  frame.src = address();
}

function address() {
  const asked = new URLSearchParams({ lang: of("language").value });
  if (session) asked.set("session", session);
  else asked.set("place", of("place").value);
  return `../preview?${asked}`;
}

async function begin() {
  page = frame.contentWindow.exemplumPreview;
  if (!page) return;
  page.onMove = moved;
  page.onLanguage = (wish) => ((of("language").value = wish), load());
  frame.contentWindow.addEventListener("keydown", (event) => event.key === "Escape" && of("stops").focus());
  try {
    stops = await page.ready;
  } catch {
    of("said").textContent = "This preview cannot be shown.";
    return;
  }
  of("stops").replaceChildren(...groups());
  go(Math.min(at, stops.length - 1));
}

// The list of pages: each block with its break, and what comes before and after them.
function groups() {
  const made = [];
  for (const [n, stop] of stops.entries()) {
    const block = /^Block [^,]+/.exec(stop.name)?.[0];
    const last = made.at(-1)?.label;
    const label = block ?? (stop.kind === "break" ? last : made.some((group) => group.label !== FIRST) ? LAST : FIRST);
    if (label !== last) made.push(Object.assign(document.createElement("optgroup"), { label }));
    made.at(-1).append(new Option(stop.name, n));
  }
  return made;
}

function go(to) {
  if (page && to >= 0 && to < stops.length) page.go(to);
}

function moved(to) {
  at = to;
  of("stops").value = String(at);
  of("alone").href = `${address()}&at=${at}`;
  of("back").disabled = at === 0;
  of("forth").disabled = at === stops.length - 1;
  say();
}

function say() {
  const known = truth?.[stops[at].key];
  const parts = known ? TRUTH.filter((name) => known[name]).map((name) => `${name}: ${known[name]}`) : [];
  of("said").textContent = [`Page ${at + 1} of ${stops.length}`, ...parts].join(" · ");
}

// Of a participant's session the truth is sent only after the look was recorded.
async function recorded() {
  const response = await fetch("preview/truth", { method: "POST", body: new URLSearchParams({ once, session }) });
  if (!response.ok) throw new Error(String(response.status));
  return response.json();
}

async function switchTruth() {
  try {
    truth = !of("truth").checked ? null : session ? await recorded() : page.truth();
  } catch {
    of("truth").checked = false;
    of("said").textContent = "The truth was not sent; reload this page.";
    return;
  }
  page.tell(truth);
  say();
}

// The frame has the size of the window that is previewed; where that is larger than the room here, it is drawn smaller.
function fit() {
  const room = of("window").getBoundingClientRect();
  const [width, height] = of("size").value.split(/\D+/).map(Number);
  const size = width ? { width, height } : { width: room.width, height: room.height };
  const scale = Math.min(1, room.width / size.width, room.height / size.height);
  frame.width = String(Math.round(size.width));
  frame.height = String(Math.round(size.height));
  frame.style.top = `${Math.ceil(room.top) - room.top}px`; // on whole pixels, as in a window of its own
  frame.style.left = `${Math.max(0, Math.round((room.width - scale * size.width) / 2))}px`;
  frame.style.transform = scale < 1 ? `scale(${scale})` : "";
}

document.addEventListener("keydown", (event) => {
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: stops.length - 1 }[event.key];
  if (to === undefined || event.target.closest("select, input[type=number]")) return;
  event.preventDefault();
  go(to);
});
of("back").addEventListener("click", () => go(at - 1));
of("forth").addEventListener("click", () => go(at + 1));
of("stops").addEventListener("change", () => go(Number(of("stops").value)));
of("language").addEventListener("change", load);
of("size").addEventListener("change", fit);
of("truth").addEventListener("change", switchTruth);
of("place")?.addEventListener("change", load);
new ResizeObserver(fit).observe(of("window"));
frame.addEventListener("load", begin);
of("language").value = language;
fit();
load();
