/* Preloaded into a host, it has libcurl trust the certificate that TRUST names, in place of the system's, and writes a line
 * into the file that TRUST_READ names whenever libcurl reads what it trusts. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int X509_STORE_load_file(void *store, const char *file) {
    int (*load)(void *, const char *) = (int (*)(void *, const char *))dlsym(RTLD_NEXT, "X509_STORE_load_file");
    const char *trusted = getenv("TRUST");
    const char *noted = getenv("TRUST_READ");
    int notes = noted ? open(noted, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (notes >= 0) {
        if (write(notes, "read\n", 5) != 5) abort();
        close(notes);
    }
    return load(store, trusted ? trusted : file);
}
