#include "pattern.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <string>

#include <re2/re2.h>

struct stagecoach_pattern {
    re2::RE2 expression;

    stagecoach_pattern(const re2::StringPiece &text, const re2::RE2::Options &options) : expression(text, options) {}
};

static void copy(const std::string &text, char *to, size_t size) {
    if (size == 0) return;
    const size_t count = std::min(text.size(), size - 1);
    std::memcpy(to, text.data(), count);
    to[count] = 0;
}

stagecoach_pattern *stagecoach_pattern_compile(const char *expression, size_t length, int64_t max_memory, char *problem,
                                 size_t problem_size, char *fragment, size_t fragment_size) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(max_memory);
    auto *program = new (std::nothrow) stagecoach_pattern(re2::StringPiece(expression, length), options);
    if (program == nullptr) {
        copy("out of memory", problem, problem_size);
        copy("", fragment, fragment_size);
        return nullptr;
    }
    if (program->expression.ok()) return program;
    // RE2 writes "reason: fragment".
    std::string reason = program->expression.error();
    const std::string &about = program->expression.error_arg();
    const std::string end = ": " + about;
    if (!about.empty() && reason.size() > end.size() &&
        reason.compare(reason.size() - end.size(), end.size(), end) == 0)
        reason.resize(reason.size() - end.size());
    copy(reason, problem, problem_size);
    copy(about, fragment, fragment_size);
    delete program;
    return nullptr;
}

int stagecoach_pattern_size(const stagecoach_pattern *program) { return program->expression.ProgramSize(); }

bool stagecoach_pattern_matches(const stagecoach_pattern *program, const char *text, size_t length) {
    const re2::StringPiece whole(text, length);
    return program->expression.Match(whole, 0, length, re2::RE2::UNANCHORED, nullptr, 0);
}

void stagecoach_pattern_free(stagecoach_pattern *program) { delete program; }
