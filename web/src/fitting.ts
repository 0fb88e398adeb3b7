/** Words that fit the room they are given: their size gives way, so that nothing else on the screen has to. */

const STEP = 0.95;
const LEAST = 7; // CSS pixels

/** Make the text of each element as large as the style says, or as its box allows. */
export function fitText(elements: Iterable<HTMLElement>): void {
  for (const element of elements) {
    element.style.fontSize = "";
    let size = parseFloat(getComputedStyle(element).fontSize);
    while (size > LEAST && overflows(element)) {
      size *= STEP;
      element.style.fontSize = `${size}px`;
    }
  }
}

// +1: browsers round both sides of the comparison
function overflows(element: HTMLElement): boolean {
  return element.scrollWidth > element.clientWidth + 1 || element.scrollHeight > element.clientHeight + 1;
}
