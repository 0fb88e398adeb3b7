// Buttons with data-copy="ID" copy the value of the field with that id, and say so.
async function copy(field) {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    document.execCommand("copy"); // without https there is no clipboard, but a selection can be copied
  }
}

for (const button of document.querySelectorAll("[data-copy]")) {
  const field = document.getElementById(button.dataset.copy);
  const said = document.getElementById("copied");
  const label = button.innerHTML;
  button.addEventListener("click", async () => {
    await copy(field);
    button.textContent = "Copied";
    if (said) said.textContent = `Copied: ${field.value}`;
    setTimeout(() => { button.innerHTML = label; }, 2000);
  });
}
