"""How the chat page reads Markdown: the same whether it comes whole or in pieces, and never for long."""

import pytest

from browser import opened
from chatpage import ai, browser, flow  # noqa: F401
from conftest import DEADLINE

# Feeds a text in pieces of some sizes, and whole; what is shown must be the same.
SHOW = """async ([text, sizes]) => {
    const { Rendering } = await import(new URL("assets/markdown.js", location.href));
    const shown = [];
    for (const size of sizes) {
        const target = document.createElement("div");
        document.body.append(target);
        const rendering = new Rendering(target);
        const letters = [...text];
        for (let at = 0; at < letters.length; at += size) {
            rendering.add(letters.slice(at, at + size).join(""));
            if (at % (7 * size) === 0) await new Promise(requestAnimationFrame);
        }
        await rendering.end(text);
        for (const one of target.querySelectorAll(".code .head, [dir=auto]")) {
            if (one.matches(".head")) one.remove(); else one.removeAttribute("dir");
        }
        shown.push([...target.querySelectorAll(".block")].map(one => one.innerHTML.replace(/\\n+/g, "\\n").trim()).join("\\n"));
        target.remove();
    }
    return shown;
}"""

TEXTS = {
    "paragraphs": ("one\ntwo\n\nthree", "<p>one<br>two</p>\n<p>three</p>"),
    "windows": ("one\r\n\r\n- a\r\n- b\r\n", "<p>one</p>\n<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
    "headings": ("# One\n## Two\nSetext\n===\n", "<h3>One</h3><h4>Two</h4><h3>Setext</h3>"),
    "nested lists": ("1. a\n   - b\n\n   more\n2. c\n\nend", "<ol>\n<li><p>a</p>\n<ul>\n<li>b</li>\n</ul>\n<p>more</p>\n</li>\n<li><p>c</p>\n"
                     "</li>\n</ol>\n<p>end</p>"),
    "numbers": ("7. a\n8. b", '<ol start="7">\n<li>a</li>\n<li>b</li>\n</ol>'),
    "tasks": ("- [x] a\n- [ ] b", "<ul>\n<li>☑ a</li>\n<li>☐ b</li>\n</ul>"),
    "emphasis": ("**a** *b* ~~c~~ `d` 2*3*4", "<p><strong>a</strong> <em>b</em> <del>c</del> <code>d</code> 2<em>3</em>4</p>"),
    "quote": ("> a\n> b\n\nc", "<blockquote>\n<p>a<br>b</p>\n</blockquote>\n<p>c</p>"),
    "links": ("[a](https://x.example/ 'b') <https://y.example>", None),
    "html": ("a <b>c</b> &amp; <br> d\n\n<div>\n*e*\n</div>", "<p>a &lt;b&gt;c&lt;/b&gt; &amp; <br> d</p>\n<p>&lt;div&gt;<br><em>e</em></p>\n"
             "<p>&lt;/div&gt;</p>"),
    "rule": ("a\n\n---\nb", "<p>a</p>\n<hr>\n<p>b</p>"),
    "emoji": ("👩‍👩‍👧 **ü** 漢字", "<p>👩‍👩‍👧 <strong>ü</strong> 漢字</p>"),
    "table": ("t:\n| a | b |\n|---|:-:|\n| 1 | 2 |\n\nx", None),
    "code in a list": ("- a\n  ```js\n  one();\n\n  two();\n  ```\n- b\n", None),
    "an odd fence": ("~~~~ swift x\n```\n~~~\n\n  y\n~~~~\nafter", None),
    "no end": ("a\n```\nlet x = 1\n  y\n", None),
    "a long line": ("word " * 3_000, None),
    "a long word": ("🂡" * 5_000, None),
}


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):  # noqa: F811
    """One page for all of them: it only has to have come from a host."""
    from conftest import Host, program

    program()
    folder = tmp_path_factory.mktemp("markdown")
    file = folder / "p.yaml"
    file.write_text("pipeline: p\nresources: {m: echo}\nstages: [receive, complete, respond]\n")
    host = Host(folder, [file], {"PATH": "/usr/bin:/bin", "HOME": str(folder)}, [])
    with opened(browser, host.http + "/") as page:
        yield page
    assert host.stop() == 0


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_looks_the_same_whole_and_in_pieces(page, name):
    text, expected = TEXTS[name]
    whole, *others = page.evaluate(SHOW, [text, [len(text), 1, 3, 11] if len(text) < 2_000 else [len(text), 997]])
    assert others == [whole] * len(others)
    if expected is not None:
        assert whole == expected


def test_code_is_what_was_written(page):
    code = "".join(f"let x{number} = <b>{number}</b> & 'y'\n" for number in range(250))
    shown = page.evaluate(SHOW, [f"before\n\n```swift\n{code}```\nafter", [50]])[0]
    assert shown.startswith("<p>before</p>") and shown.endswith("<p>after</p>")
    assert shown.count('class="lines"') == 3 and "let x249 = &lt;b&gt;249&lt;/b&gt; &amp; 'y'" in shown


NASTY = ["[", "*", "_", "*a ", "_a ", "**a ", "``a`", "<", "![", "[](", "> ", ">", ">>a\n", "1. ", "- ", "* * ", "\\", "~", "~~a", "|", "|-",
         "a|b\n-|-\n", "[a](b", "![](", "*a**b ", "*a\n", "- a\n", "  - x\n", "x\n=", "[a\n", "~~~", "`a\n", "<!--", "\u202e", "a@b", "www."]


@pytest.mark.alone
def test_no_pattern_takes_long(page):
    took = page.evaluate("""async patterns => {
        const { Rendering } = await import(new URL("assets/markdown.js", location.href));
        const took = {};
        for (const pattern of patterns) {
            const target = document.createElement("div");
            document.body.append(target);
            const rendering = new Rendering(target);
            rendering.add(pattern.repeat(Math.ceil(20000 / pattern.length)));
            rendering.isEnded = true;
            took[pattern] = 0;
            while (rendering.rest || rendering.open) {
                const before = performance.now();
                rendering.advance(before + 10);
                took[pattern] = Math.max(took[pattern], performance.now() - before);
            }
            target.remove();
        }
        return took;
    }""", NASTY)
    assert {pattern: time for pattern, time in took.items() if time > 80 * DEADLINE / 10} == {}
