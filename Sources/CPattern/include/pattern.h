#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A compiled regular expression of RE2. Any number of threads may use it at once.
typedef struct stagecoach_pattern stagecoach_pattern;

/// Compiles an expression in UTF-8. Where RE2 refuses it, NULL is returned, `problem` is the reason and `fragment` the
/// part of the expression that it is about; both end in a zero byte and are cut to their sizes.
///
/// @param max_memory How many bytes the program and what matching remembers of it may take.
stagecoach_pattern *stagecoach_pattern_compile(const char *expression, size_t length, int64_t max_memory, char *problem,
                                 size_t problem_size, char *fragment, size_t fragment_size);

/// How many instructions the program has.
int stagecoach_pattern_size(const stagecoach_pattern *program);

/// Whether the expression matches somewhere in a text of UTF-8, in time linear in its length.
bool stagecoach_pattern_matches(const stagecoach_pattern *program, const char *text, size_t length);

void stagecoach_pattern_free(stagecoach_pattern *program);

#ifdef __cplusplus
}
#endif
