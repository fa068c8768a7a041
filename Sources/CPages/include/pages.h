#include <stddef.h>

// A file of the pages that the host serves, as it lies in `files`.
struct stagecoach_page_file {
    const char *name;
    const unsigned char *bytes;
    size_t length;
};

// All of them, and how many there are.
const struct stagecoach_page_file *stagecoach_page_files(size_t *count);
