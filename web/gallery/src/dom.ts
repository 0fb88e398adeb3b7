/** Elements from code. Texts of users become text nodes, never markup. */

type Child = Node | string | number | null | undefined | false;
type Properties = Record<string, string | number | boolean | ((event: never) => void) | undefined>;

const SVG = "http://www.w3.org/2000/svg";

/** `h("a.cell", { href: "#/" }, "text")`: a class may follow the name after a dot. */
export function h<Name extends keyof HTMLElementTagNameMap>(
  what: Name | `${Name}.${string}`,
  properties: Properties = {},
  ...children: (Child | Child[])[]
): HTMLElementTagNameMap[Name] {
  const [name, ...classes] = what.split(".");
  const element = document.createElement(name!) as HTMLElementTagNameMap[Name];
  if (classes.length) element.className = classes.join(" ");
  return fill(element, properties, children);
}

/** The same for a shape of an SVG. */
export function s(what: string, properties: Properties = {}, ...children: (Child | Child[])[]): SVGElement {
  const [name, ...classes] = what.split(".");
  const element = document.createElementNS(SVG, name!);
  if (classes.length) element.setAttribute("class", classes.join(" "));
  return fill(element, properties, children);
}

function fill<T extends Element>(element: T, properties: Properties, children: (Child | Child[])[]): T {
  for (const [key, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(key.slice(2), value as EventListener);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== undefined && value !== false) element.setAttribute(key, String(value));
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) {
      element.append(child instanceof Node ? child : String(child));
    }
  }
  return element;
}

/** Whether keys pressed now belong to something that is typed into or chosen from. */
export function isTyping(event: KeyboardEvent): boolean {
  const at = event.target as HTMLElement;
  return at.matches("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey;
}
