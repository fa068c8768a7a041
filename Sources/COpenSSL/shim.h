#ifndef STAGECOACH_COPENSSL_SHIM_H
#define STAGECOACH_COPENSSL_SHIM_H

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

/* A macro, which Swift doesn't see: frees what libcrypto has allocated and given away. */
static inline void openssl_free(void *memory) { OPENSSL_free(memory); }

#endif
