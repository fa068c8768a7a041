// An answer's Markdown, shown while it comes: what is whole is rendered once, only the last block again and again.
import { button, copy, element } from "./dom.js";
import { defaults, Lexer, Parser, Renderer, Tokenizer } from "./marked.js";
import DOMPurify from "./purify.js";

// A block of Markdown has about so many characters at most, lists twice as many: marked takes the square of it for what looks
// like emphasis, so that there is a limit of such marks, too.
const BLOCK = 2048;
const MARKS = 400;
// Lists and quotes within each other on one line, which marked reads by calling itself.
const DEEP = /^(?:\s*(?:[-*+>]|\d{1,9}[.)])){20}/m;
const ROWS = 60; // of a table; then it begins again, with its header
const LINES = 100; // of code, in one element that is laid out by itself
const BLOCKS_IN_PART = 30;
const BUDGET = 10; // milliseconds of a frame

class Reader extends Tokenizer {
  // What looks like HTML is text, but for line breaks, which models put into tables.
  html() {}
  tag(source) {
    const found = /^<br\s*\/?>/i.exec(source);
    if (found) return { type: "br", raw: found[0] };
  }
}

class Writer extends Renderer {
  heading(text, level) {
    const name = `h${Math.min(level + 2, 6)}`;
    return `<${name}>${text}</${name}>`;
  }
  // A picture would be asked for elsewhere, which says who reads the answer.
  image(href, title, text) {
    return this.link(href, null, text || "picture");
  }
  checkbox(checked) {
    return checked ? "☑ " : "☐ ";
  }
}

const OPTIONS = { ...defaults, mangle: false, headerIds: false, breaks: true, tokenizer: new Reader(), renderer: new Writer() };

const ALLOWED = {
  RETURN_DOM_FRAGMENT: true,
  ALLOWED_TAGS: ["p", "br", "hr", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code", "em", "strong", "del",
    "a", "table", "thead", "tbody", "tr", "th", "td", "#text"],
  ALLOWED_ATTR: ["href", "align", "start"],
  ADD_URI_SAFE_ATTR: ["align", "start"],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  ALLOWED_URI_REGEXP: /^(?:https?:\/\/|mailto:)/i,
};

function codeBox(language) {
  const code = element("code", { dir: "ltr" });
  const press = button("Copy", (pressed) => copy(code.textContent, pressed), { ariaLabel: "Copy the code" });
  const pre = element("pre", { tabIndex: 0 }, code);
  pre.setAttribute("role", "group");
  pre.setAttribute("aria-label", language ? `Code, ${language}` : "Code");
  const head = element("div", { className: "head" }, element("span", { textContent: language || "code" }), press);
  return { box: element("div", { className: "code" }, head, pre), code };
}

/** The Markdown of one block as elements: nothing in it runs, loads or leads anywhere but to web and mail addresses. */
export function render(source) {
  let fragment;
  try {
    if (source.replace(/[^*_]/g, "").length > MARKS || DEEP.test(source)) throw new RangeError("too much of it");
    fragment = DOMPurify.sanitize(Parser.parse(Lexer.lex(source, OPTIONS), OPTIONS), ALLOWED);
  } catch {
    return element("p", { className: "plain", dir: "auto", textContent: source });
  }
  for (const link of fragment.querySelectorAll("a")) {
    Object.assign(link, { target: "_blank", rel: "noopener noreferrer nofollow" });
  }
  for (const text of fragment.querySelectorAll("p, h3, h4, h5, h6, ul, ol, li, blockquote, th, td")) text.dir = "auto";
  for (const table of fragment.querySelectorAll("table")) {
    const box = element("div", { className: "scroll", tabIndex: 0 });
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", "Table");
    table.replaceWith(box);
    box.append(table);
  }
  for (const pre of fragment.querySelectorAll("pre")) {
    const { box, code } = codeBox();
    code.textContent = pre.textContent;
    pre.replaceWith(box);
  }
  return fragment;
}

// Everything that is shown takes its turn, a little in each frame.
const waiting = new Set();
let isScheduled = false;

function schedule(rendering) {
  waiting.add(rendering);
  if (isScheduled) return;
  isScheduled = true;
  // A page that is not seen has no frames.
  if (document.hidden) setTimeout(work, 100);
  else requestAnimationFrame(work);
}

function work() {
  isScheduled = false;
  const end = performance.now() + BUDGET;
  for (const rendering of [...waiting]) {
    if (performance.now() >= end) break;
    waiting.delete(rendering);
    rendering.advance(end);
  }
  for (const rendering of waiting) schedule(rendering);
}

/** Shows a text that grows in an element. */
export class Rendering {
  /** @param shown called each time that more is seen */
  constructor(target, shown = () => {}) {
    Object.assign(this, { target, shown, ends: [] });
    this.reset();
  }

  reset() {
    this.target.replaceChildren();
    // All of it; what has not been looked at; the block that is still open; the element of a line that is not whole.
    Object.assign(this, { text: "", rest: "", open: null, guess: null, part: null, drawn: null, isEnded: false });
  }

  add(text) {
    this.text += text;
    this.rest += text;
    this.isEnded = false;
    schedule(this);
  }

  /** Nothing follows: the whole text is this. Resolves when all of it is shown. */
  end(text = this.text) {
    if (text !== this.text) {
      this.reset();
      this.text = this.rest = text;
    }
    this.isEnded = true;
    schedule(this);
    return new Promise((resolve) => this.ends.push(resolve));
  }

  /** Goes on until a time. */
  advance(deadline) {
    let at = 0;
    const rest = this.rest;
    let isLate = false;
    while (at < rest.length) {
      let end = rest.indexOf("\n", at);
      let next = end + 1;
      if (end < 0 || end - at > BLOCK) {
        if (rest.length - at <= BLOCK && !(this.isEnded && end < 0)) break;
        // The last line, or one that is too long: cut where a word ends, never within a character.
        const limit = Math.min(rest.length, at + BLOCK);
        end = next = limit;
        if (limit < rest.length) {
          const space = rest.lastIndexOf(" ", limit);
          if (space > at + BLOCK / 2) end = next = space + 1;
          else if (/[\uD800-\uDBFF]/.test(rest[limit - 1])) end = next = limit - 1;
        }
      }
      this.line(rest.slice(at, end), next > end || next === rest.length);
      at = next;
      if ((isLate = performance.now() >= deadline)) break;
    }
    this.rest = rest.slice(at);
    if (this.isEnded && !this.rest) this.close();
    else this.draw(isLate ? "" : this.rest);
    this.shown();
    if (isLate) schedule(this);
    else if (this.isEnded) for (const resolve of this.ends.splice(0)) resolve();
  }

  line(line, isWhole) {
    const open = this.open;
    if (open?.code) {
      if (open.fence.test(line)) return this.close();
      return open.add(line + (isWhole ? "\n" : ""));
    }
    if (!line.trim()) {
      if (open?.isList) {
        open.text += "\n";
        open.hasGap = true;
      } else this.close();
      return;
    }
    const isItem = /^ {0,3}(?:[-*+]|\d{1,9}[.)])\s/.test(line);
    const isInside = open?.isList && (open.inner || /^(?: {2}|\t)/.test(line));
    const fence = !isInside && /^ {0,3}(`{3,}|~{3,})([^`]*)$/.exec(line);
    if (fence) {
      this.close();
      return this.openCode(fence[1], fence[2].trim().split(/\s/)[0]);
    }
    if (open?.isList && open.hasGap && !isInside && !isItem) this.close();
    this.open ??= this.begin(isItem);
    this.grow(line, isItem && !isInside, isWhole);
  }

  begin(isList, text = "") {
    const element = this.guess;
    this.guess = null;
    return { element, isList, text, rows: 0 };
  }

  grow(line, isItem, isWhole) {
    let open = this.open;
    const isFull = open.text.length + line.length > BLOCK;
    if (open.isList) {
      const inner = /^\s+(`{3,}|~{3,})/.exec(line);
      if (isFull && open.inner) {
        // Code in a list that does not end: as code of its own.
        const fence = open.inner;
        this.close();
        this.openCode(fence, "");
        return this.line(line, isWhole);
      }
      if (inner) open.inner = open.inner ? (line.trim().startsWith(open.inner) ? "" : open.inner) : inner[1];
      open.hasGap = false;
    }
    if (open.table && (isFull || open.rows >= ROWS)) {
      const table = open.table;
      this.close();
      this.open = open = Object.assign(this.begin(false, table), { table });
    } else if (isFull && (!open.isList || isItem || open.text.length > 2 * BLOCK)) {
      this.close();
      this.open = open = this.begin(isItem);
    }
    if (open.table) open.rows += 1;
    else if (open.previous?.includes("|") && line.includes("-") && !/[^\s|:-]/.test(line)) {
      open.table = `${open.previous}\n${line}\n`;
    }
    open.previous = line;
    open.text += line + (isWhole ? "\n" : "");
  }

  openCode(fence, language) {
    const { box, code } = codeBox(language);
    let chunk, lines = 0, tail;
    const add = (text) => {
      tail?.remove();
      tail = null;
      if (!chunk || lines >= LINES) {
        chunk = element("span", { className: "lines" });
        code.append(chunk);
        lines = 0;
      }
      chunk.append(text);
      // A long one counts as several.
      lines += 1 + Math.floor(text.length / 200);
    };
    this.block().append(box);
    this.open = {
      code, add, fence: new RegExp(`^\\s*${fence[0] === "`" ? "`" : "~"}{${fence.length},}\\s*$`),
      // A line that is not whole yet.
      show(text) {
        tail?.remove();
        tail = text ? document.createTextNode(text) : null;
        if (tail) (chunk ?? code).append(tail);
      },
    };
  }

  /** An element for the next block. */
  block() {
    if (!this.part || this.part.childElementCount >= BLOCKS_IN_PART) {
      this.part = element("div", { className: "part" });
      this.target.append(this.part);
    }
    const made = element("div", { className: "block" });
    this.part.append(made);
    return made;
  }

  draw(tail) {
    const open = this.open;
    if (open?.code) return open.show(tail);
    if (open) {
      open.element ??= this.block();
      this.redraw(open.element, open.text + tail);
    } else if (tail.trim()) {
      // It is not known yet what this line will be.
      this.guess ??= this.block();
      this.redraw(this.guess, tail);
    }
  }

  redraw(element, text) {
    if (this.drawn !== text) element.replaceChildren(render(text));
    this.drawn = text;
  }

  close() {
    const open = this.open;
    this.open = null;
    if (open?.code) return open.show("");
    if (open) this.redraw(open.element ?? this.block(), open.text);
    this.drawn = null;
    this.guess?.remove();
    this.guess = null;
  }
}
