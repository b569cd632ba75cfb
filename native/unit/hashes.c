#include "../lib/md5.h"
#include "../lib/sha256.h"
#include "../lib/sha512.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

static void expect(const char *what, const char *got, const char *wanted)
{
    if (strcmp(got, wanted) == 0)
        return;
    fprintf(stderr, "%s: got %s, expected %s\n", what, got, wanted);
    failures++;
}

static void sha256_of(const void *data, size_t size, size_t step, char text[65])
{
    struct sha256 hash;
    sha256_start(&hash);
    for (size_t at = 0; at < size; at += step)
        sha256_update(&hash, (const char *)data + at, size - at < step ? size - at : step);
    sha256_finish_hex(&hash, text);
}

/* FIPS 180-4 examples, then every length around the block's edge against the portable code. */
static void check_sha256(enum sha256_engine engine, const char *name)
{
    static const struct {
        const char *text, *digest;
    } known[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopq"
         "rstu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    };
    char text[65], portable[65];
    if (sha256_use(engine) < 0) {
        printf("sha256 %s: not on this processor\n", name);
        return;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        sha256_of(known[i].text, strlen(known[i].text), 1000, text);
        expect(name, text, known[i].digest);
    }
    size_t million = 1000000;
    char *data = malloc(million);
    memset(data, 'a', million);
    sha256_of(data, million, 4099, text);
    expect(name, text, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    for (size_t i = 0; i < million; i++)
        data[i] = (char)(i * 2654435761u >> 13);
    for (size_t size = 0; size < 300; size++)
        for (size_t step = 1; step < 140; step += 23) {
            sha256_use(engine);
            sha256_of(data, size, step, text);
            sha256_use(SHA256_PORTABLE);
            sha256_of(data, size, 1000, portable);
            expect(name, text, portable);
        }
    free(data);
    printf("sha256 %s: checked\n", name);
}

/* FIPS 180-4 examples, then each way of cutting something into pieces. */
static void check_sha512(void)
{
    static const struct {
        const char *text, *digest;
    } known[] = {
        {"", "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417"
             "a81a538327af927da3e"},
        {"abc", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d442364"
                "3ce80e2a9ac94fa54ca49f"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopq"
         "rstu",
         "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd2654"
         "5e96e55b874be909"},
    };
    struct sha512 hash;
    char text[129], whole[129];
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        sha512_start(&hash);
        sha512_update(&hash, known[i].text, strlen(known[i].text));
        sha512_finish_hex(&hash, text);
        expect("sha512", text, known[i].digest);
    }
    static const char data[300] = "pieces";
    for (size_t size = 0; size < sizeof data; size++) {
        sha512_start(&hash);
        sha512_update(&hash, data, size);
        sha512_finish_hex(&hash, whole);
        sha512_start(&hash);
        sha512_update(&hash, data, size / 3);
        sha512_update(&hash, data + size / 3, size - size / 3);
        sha512_finish_hex(&hash, text);
        expect("sha512", text, whole);
    }
    printf("sha512: checked\n");
}

/* RFC 1321, A.5 */
static void check_md5(void)
{
    static const struct {
        const char *text, *digest;
    } known[] = {
        {"", "d41d8cd98f00b204e9800998ecf8427e"},
        {"abc", "900150983cd24fb0d6963f7d28e17f72"},
        {"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
        {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
         "57edf4a22be3c955ac49da2e2107b67a"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct md5 hash;
        char text[33];
        md5_start(&hash);
        md5_update(&hash, known[i].text, strlen(known[i].text));
        md5_finish_hex(&hash, text);
        expect("md5", text, known[i].digest);
    }
    printf("md5: checked\n");
}

int main(void)
{
    check_sha256(SHA256_PORTABLE, "portable");
    check_sha256(SHA256_X86, "x86");
    check_sha256(SHA256_ARM, "arm");
    check_sha512();
    check_md5();
    return failures == 0 ? 0 : 1;
}
