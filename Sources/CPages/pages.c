#include "pages.h"

// The compiler takes it as it is in C, and warns because older standards have no such line.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char base_css[] = {
#embed "files/base.css"
};
static const unsigned char chat_css[] = {
#embed "files/chat.css"
};
static const unsigned char chat_html[] = {
#embed "files/chat.html"
};
static const unsigned char chat_js[] = {
#embed "files/chat.js"
};
static const unsigned char connection_js[] = {
#embed "files/connection.js"
};
static const unsigned char console_css[] = {
#embed "files/console.css"
};
static const unsigned char console_html[] = {
#embed "files/console.html"
};
static const unsigned char console_js[] = {
#embed "files/console.js"
};
static const unsigned char dom_js[] = {
#embed "files/dom.js"
};
static const unsigned char exchange_js[] = {
#embed "files/exchange.js"
};
static const unsigned char icon_svg[] = {
#embed "files/icon.svg"
};
static const unsigned char markdown_js[] = {
#embed "files/markdown.js"
};
static const unsigned char marked_js[] = {
#embed "files/vendor/marked.js"
};
static const unsigned char purify_js[] = {
#embed "files/vendor/purify.js"
};
static const unsigned char sessions_js[] = {
#embed "files/sessions.js"
};

#define FILE(name, bytes) {name, bytes, sizeof bytes}

// A new file is a line above and one here.
static const struct stagecoach_page_file files[] = {
    FILE("base.css", base_css),
    FILE("chat.css", chat_css),
    FILE("chat.html", chat_html),
    FILE("chat.js", chat_js),
    FILE("connection.js", connection_js),
    FILE("console.css", console_css),
    FILE("console.html", console_html),
    FILE("console.js", console_js),
    FILE("dom.js", dom_js),
    FILE("exchange.js", exchange_js),
    FILE("icon.svg", icon_svg),
    FILE("markdown.js", markdown_js),
    FILE("marked.js", marked_js),
    FILE("purify.js", purify_js),
    FILE("sessions.js", sessions_js),
};

const struct stagecoach_page_file *stagecoach_page_files(size_t *count) {
    *count = sizeof files / sizeof *files;
    return files;
}
