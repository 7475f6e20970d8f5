// What the parts of the shim share. engine.c reaches into QuickJS, host.c talks to the host, libc.c stands in for WASI.
#ifndef QUICKSAVE_SHIM_H
#define QUICKSAVE_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quickjs.h"

#define EXPORT(name) __attribute__((export_name(name)))
#define IMPORT(name) __attribute__((import_module("quicksave"), import_name(name)))

// No bytes beside the JSON; a length of 0 is an empty buffer.
#define NO_BYTES 0xffffffffu

// What the host gives back. The blocks come from `qs_alloc` and belong to the guest.
typedef struct {
    uint32_t ok;
    char *json; // followed by a zero byte
    uint32_t json_len;
    uint8_t *bytes;
    uint32_t bytes_len; // NO_BYTES without
} Reply;

// The turn's clock, in milliseconds since the epoch: a tick further with each read, so that a busy wait ends.
double qs_read_clock(void);

// The imports: the host's side of `__native`. Blocks that the host gives back were allocated by it with `qs_alloc`.
IMPORT("effect") int64_t host_effect(int kind, const char *json, size_t len, const uint8_t *bytes, size_t bytes_len,
                                     uint64_t *withdrawn);
IMPORT("call") void host_call(const char *op, size_t op_len, const char *json, size_t len, const uint8_t *bytes,
                              size_t bytes_len, Reply *reply);
IMPORT("pure") void host_pure(const char *op, size_t op_len, const char *json, size_t len, const uint8_t *bytes,
                              size_t bytes_len, Reply *reply);
IMPORT("end") int host_end(int done, const char *json, size_t len, const uint8_t *bytes, size_t bytes_len);
IMPORT("random") void host_random(const uint8_t *seed, uint64_t draw, uint8_t *out, size_t len);
IMPORT("interrupted") void host_interrupted(void);
IMPORT("resolve") void host_resolve(const char *importer, size_t importer_len, const char *specifier, size_t len,
                                    Reply *reply);
IMPORT("source") void host_source(const char *name, size_t len, Reply *reply);

// A text that JavaScript holds; given back with JS_FreeCString.
typedef struct {
    const char *text;
    size_t len;
} Text;

// The run's seed and how many draws were made from it.
typedef struct {
    uint8_t seed[32];
    uint64_t draw;
} Entropy;

// host.c: the state of the one program in this memory.
extern JSRuntime *rt;
extern JSContext *ctx;
extern Entropy entropy;
extern bool ended;
extern JSValue handlers; // what the prelude registered

bool text_of(JSValueConst value, Text *out);
JSValue take_bytes(Reply *reply);
JSValue native_object(void);
void pending_remove(uint64_t n);
size_t pending_count(void);

// modules.c
void modules_init(void);
void modules_set_entry(const char *name);

// turn.c
JSValue call_handler(const char *name, int argc, JSValueConst *argv);

// memory.c
void memory_prepare(void);
void memory_rest(void);
void memory_seal(void);
JSRuntime *memory_new_runtime(void);

// Asks the host now and then whether the turn must end; if so, it does not come back. The build script puts a call into
// those loops of QuickJS that may run for long without running JavaScript.
static inline void qs_poll(void)
{
    extern int qs_polls;
    if (--qs_polls <= 0) {
        qs_polls = 10000;
        host_interrupted();
    }
}

// engine.c
bool qs_reports_no_memory(JSRuntime *rt);
void qs_seal_arenas(JSRuntime *rt);
void qs_open_arenas(JSRuntime *rt);
void qs_set_stack_limit(JSRuntime *rt, uintptr_t limit);
void qs_seed_math(JSContext *ctx, uint64_t seed);
JSValue qs_frames(JSContext *ctx, JSValue (*place)(JSContext *, const char *file, int line, int column));
JSValue qs_scope(JSContext *ctx);
// A Map that programs cannot meddle with.
JSValue qs_map_new(JSContext *ctx);
void qs_map_set(JSContext *ctx, JSValueConst map, JSValueConst key, JSValueConst value);
void qs_map_delete(JSContext *ctx, JSValueConst map, JSValueConst key);
JSValue qs_map_take(JSContext *ctx, JSValueConst map); // its values as an array, or undefined if it is empty

#endif
