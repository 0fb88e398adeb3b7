// Renews the parts of the page that are marked data-live, every ten seconds while the page is visible.
const EVERY_MS = 10_000;

async function renew() {
  if (document.hidden || !document.querySelector("[data-live]")) return;
  const response = await fetch(location.href, { credentials: "same-origin" });
  if (!response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    if (part.contains(document.activeElement)) continue; // somebody is in it with the keyboard
    const next = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
    if (next) part.replaceWith(next);
  }
}

setInterval(() => renew().catch(() => undefined), EVERY_MS);

// Details with data-keep stay open or closed as they were left.
for (const part of document.querySelectorAll("details[data-keep]")) {
  const place = `exemplum.${part.dataset.keep}`;
  if (localStorage.getItem(place) === "closed") part.open = false;
  part.addEventListener("toggle", () => localStorage.setItem(place, part.open ? "open" : "closed"));
}
