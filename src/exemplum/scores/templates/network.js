(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const REACH = 22; // px from the pointer to a point
  const images = (places, name) => {
    if (!places.length) return "";
    const line = document.createElement("div");
    line.className = "sheet";
    line.append(Object.assign(document.createElement("span"), { textContent: name }));
    for (const place of places) {
      const tile = document.createElement("i");
      tile.style.backgroundPosition =
        `${-data.side * (place % data.across)}px ${-data.side * Math.floor(place / data.across)}px`;
      line.append(tile);
    }
    return line;
  };
  for (const one of data.scatters) {
    const field = document.getElementById(one.name);
    const svg = field.querySelector("svg");
    const ring = field.querySelector(".chosen");
    const told = field.querySelector(".told");
    const orders = [0, 1].map((axis) =>
      one.at.map((_, point) => point).sort((a, b) => one.at[a][axis] - one.at[b][axis] || a - b));
    let chosen = -1;
    const choose = (point) => {
      if (point === chosen) return;
      chosen = point;
      told.hidden = point < 0;
      ring.setAttribute("visibility", point < 0 ? "hidden" : "visible");
      if (point < 0) return;
      const [x, y] = one.at[point];
      ring.setAttribute("cx", x);
      ring.setAttribute("cy", y);
      const name = Object.assign(document.createElement("b"), { textContent: data.units[one.unit[point]] });
      const [a, b] = one.value[point];
      const value = (of, share) => Object.assign(document.createElement("div"), { textContent: `${of} ${share.toFixed(2)}` });
      const [most, least] = data.pictures[one.unit[point]];
      told.replaceChildren(name, value(one.x, a), value(one.y, b), images(most, "max"), images(least, "min"));
      const scale = svg.clientWidth / svg.viewBox.baseVal.width;
      const [left, top] = [x * scale, y * scale];
      const right = left > field.clientWidth / 2;
      told.style.left = `${Math.max(0, right ? left - told.offsetWidth - 14 : left + 14)}px`;
      told.style.top = `${Math.max(0, Math.min(top - told.offsetHeight / 2, field.clientHeight - told.offsetHeight))}px`;
    };
    field.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const scale = svg.viewBox.baseVal.width / box.width;
      const [x, y] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
      let [near, least] = [-1, (REACH * scale) ** 2];
      one.at.forEach(([a, b], point) => {
        const gap = (a - x) ** 2 + (b - y) ** 2;
        if (gap < least) [near, least] = [point, gap];
      });
      choose(near);
    });
    field.addEventListener("pointerleave", () => choose(-1));
    field.addEventListener("blur", () => choose(-1));
    field.addEventListener("focus", () => {
      if (chosen < 0 && field.matches(":focus-visible")) choose(orders[0][0]);
    });
    field.addEventListener("keydown", (event) => {
      const keys = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowDown: [1, 1], ArrowUp: [1, -1] };
      if (event.key === "Escape") return choose(-1);
      if (event.key === "Home" || event.key === "End") {
        event.preventDefault();
        return choose(orders[0].at(event.key === "Home" ? 0 : -1));
      }
      if (!(event.key in keys)) return;
      event.preventDefault();
      const [axis, step] = keys[event.key];
      const place = chosen < 0 ? -1 : orders[axis].indexOf(chosen);
      choose(orders[axis][Math.max(0, Math.min(orders[axis].length - 1, place + step))]);
    });
  }
})();
