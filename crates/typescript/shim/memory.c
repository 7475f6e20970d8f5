// The allocator under QuickJS, with a reserve from which the error "out of memory" itself is made.
#include <malloc.h>
#include <stdlib.h>

#include "shim.h"

// Enough for the error, its stack, and a prelude that reports it.
#define RESERVE (256 * 1024)

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

static void *allocate(void *opaque, size_t size)
{
    (void)opaque;
    void *block = malloc(size);
    return block || !open_reserve() ? block : malloc(size);
}

static void *allocate_zeros(void *opaque, size_t count, size_t size)
{
    (void)opaque;
    void *block = calloc(count, size);
    return block || !open_reserve() ? block : calloc(count, size);
}

static void *reallocate(void *opaque, void *old, size_t size)
{
    (void)opaque;
    void *block = realloc(old, size);
    return block || !size || !open_reserve() ? block : realloc(old, size);
}

static void release(void *opaque, void *block)
{
    (void)opaque;
    free(block);
}

static size_t usable_size(const void *block)
{
    return malloc_usable_size((void *)block);
}

// At the start of a turn: what the last one used of the reserve is put back if there is memory again.
void memory_prepare(void)
{
    if (!reserve)
        reserve = malloc(RESERVE);
}

JSRuntime *memory_new_runtime(void)
{
    static const JSMallocFunctions functions = { allocate_zeros, allocate, release, reallocate, usable_size };
    memory_prepare();
    return runtime = JS_NewRuntime2(&functions, NULL);
}
