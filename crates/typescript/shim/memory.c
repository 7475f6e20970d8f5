// The allocator under QuickJS, with a reserve from which the error "out of memory" itself is made.
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"

// Enough for the error, its stack, and a prelude that reports it.
#define RESERVE (256 * 1024)

// Blocks above this size are left to `realloc`, which may grow them where they are.
#define CLEARED_BELOW (16 * 1024)

// The engine asks whether the turn must end at jumps and calls of JavaScript only. One call of a built-in function may
// take long, and the compiler of `eval` never asks; but whatever makes much allocates.
#define ASK_EVERY (1024 * 1024)

static size_t allocated;
static bool in_turn;
static void *reserve;
static JSRuntime *runtime;

// Memory is short and an error is being made of that: now the reserve is for use.
static bool open_reserve(void)
{
    if (!reserve || !runtime || !qs_reports_no_memory(runtime))
        return false;
    free(reserve);
    reserve = NULL;
    return true;
}

static void note(size_t size)
{
    allocated += size;
    if (allocated >= ASK_EVERY && in_turn) {
        allocated = 0;
        host_interrupted(); // does not come back if the turn must end
    }
}

static void *allocate(void *opaque, size_t size)
{
    (void)opaque;
    note(size);
    void *block = malloc(size);
    return block || !open_reserve() ? block : malloc(size);
}

static void *allocate_zeros(void *opaque, size_t count, size_t size)
{
    (void)opaque;
    note(count * size);
    void *block = calloc(count, size);
    return block || !open_reserve() ? block : calloc(count, size);
}

// Cleared: a snapshot holds what differs from an image whose free memory is zeros. (Small blocks do not come here; the
// engine keeps them in arenas of 4 KiB.)
static void release(void *opaque, void *block)
{
    (void)opaque;
    if (block)
        memset(block, 0, malloc_usable_size(block));
    // Without this the compiler sees that nobody reads the zeros, and leaves them out.
    __asm__ volatile("" : : "r"(block) : "memory");
    free(block);
}

static void *reallocate(void *opaque, void *old, size_t size)
{
    (void)opaque;
    if (size > CLEARED_BELOW)
        note(size);
    // A block that moves would leave its old content behind.
    size_t have = old ? malloc_usable_size(old) : 0;
    if (old && size > have && have <= CLEARED_BELOW) {
        void *block = allocate(NULL, size);
        if (!block)
            return NULL;
        memcpy(block, old, have);
        release(NULL, old);
        return block;
    }
    void *block = realloc(old, size);
    return block || !size || !open_reserve() ? block : realloc(old, size);
}

static size_t usable_size(const void *block)
{
    return malloc_usable_size((void *)block);
}

// A turn begins: what the last one used of the reserve is put back if there is memory again.
void memory_prepare(void)
{
    in_turn = true;
    if (!reserve)
        reserve = malloc(RESERVE);
}

// The turn is over: nobody is there to be asked.
void memory_rest(void)
{
    in_turn = false;
}

// Takes all gaps between blocks, for good, so that programs begin in memory behind everything that the image holds.
void memory_seal(void)
{
    qs_seal_arenas(runtime);
    for (size_t size = 1 << 18; size >= 16; size -= size > 256 ? size / 8 : 8) {
        for (;;) {
            // The highest block lies before what was never used; one below it fills a gap.
            void *last = malloc(1 << 16), *block = malloc(size);
            bool gap = block && block < last;
            free(last);
            if (!gap) {
                free(block);
                break;
            }
        }
    }
    qs_open_arenas(runtime);
}

JSRuntime *memory_new_runtime(void)
{
    static const JSMallocFunctions functions = { allocate_zeros, allocate, release, reallocate, usable_size };
    memory_prepare();
    memory_rest();
    return runtime = JS_NewRuntime2(&functions, NULL);
}
