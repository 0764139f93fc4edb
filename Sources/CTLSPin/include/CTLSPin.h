#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Three functions of the BoringSSL that swift-nio-ssl carries, declared by hand: its Swift interface offers no way to choose the
 * suites of TLS 1.3. Their definitions come from swift-nio-ssl at link time, under the prefix that its vendoring gives them; a
 * version of it that drops or renames one no longer links, which is the loudest way to learn of it.
 */

/* Allows exactly the `count` suites named in `suites` (IANA numbers). `flags` may be NULL. 1 where it worked. */
int CNIOBoringSSL_SSL_CTX_set1_tls13_ciphers(void *context, const uint16_t *suites, const uint32_t *flags, size_t count);

/* The suite that a connection has agreed on; NULL where it has not yet. */
const void *CNIOBoringSSL_SSL_get_current_cipher(const void *connection);

/* A suite's IANA number. */
uint16_t CNIOBoringSSL_SSL_CIPHER_get_protocol_id(const void *cipher);
