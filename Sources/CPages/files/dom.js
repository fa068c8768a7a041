// What the parts of the page make their elements of.
export const byId = (id) => document.getElementById(id);

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

export function button(text, action, properties = {}) {
  const made = element("button", { type: "button", textContent: text, ...properties });
  made.addEventListener("click", () => action(made));
  return made;
}

// Said to a screen reader once, when something is complete, and not word by word.
export const announce = (text) => (byId("announcer").textContent = text);

/** Copies a text, also where the page did not come by HTTPS. */
export async function copy(text, button) {
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const box = element("textarea", { value: text, readOnly: true, className: "visually-hidden" });
    document.body.prepend(box);
    box.select();
    done = document.execCommand("copy");
    box.remove();
    button.focus();
  }
  const before = button.dataset.label ?? (button.dataset.label = button.textContent);
  button.textContent = done ? "Copied" : "Not copied";
  setTimeout(() => (button.textContent = before), 1500);
}
