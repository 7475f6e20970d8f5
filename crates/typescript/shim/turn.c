// Entry points: the host calls one, it calls the prelude's handler, and then all jobs run. The WebAssembly stack is
// empty when it returns, so memory is all there is to save.
#include <stdlib.h>
#include <string.h>

#include "shim.h"

static JSValue rejected = JS_UNDEFINED; // promise → reason, of rejections that nobody looked at

// How much a program may allocate before the first garbage collection.
#define FIRST_GARBAGE (2 * 1024 * 1024)

// What is left of the stack for C functions when JavaScript may not recurse further.
#define STACK_RESERVE (256 * 1024)

extern void __wasm_call_ctors(void);

static int on_interrupt(JSContext *c, void *opaque)
{
    (void)c, (void)opaque;
    host_interrupted(); // does not come back if the turn must end
    return 0;
}

static void on_rejection(JSContext *c, JSValueConst promise, JSValueConst reason, bool handled, void *opaque)
{
    (void)opaque;
    if (handled)
        qs_map_delete(c, rejected, promise);
    else
        qs_map_set(c, rejected, promise, reason);
}

JSValue call_handler(const char *name, int argc, JSValueConst *argv)
{
    if (!JS_IsObject(handlers))
        return JS_UNDEFINED;
    JSValue handler = JS_GetPropertyStr(ctx, handlers, name);
    if (JS_IsUndefined(handler) || JS_IsException(handler))
        return handler;
    JSValue result = JS_Call(ctx, handler, handlers, argc, argv);
    JS_FreeValue(ctx, handler);
    return result;
}

// An exception that neither the program nor the prelude caught ends the program.
static void fail_with_exception(void)
{
    JSValue error = JS_GetException(ctx);
    JSValue report = JS_NewObject(ctx);
    static const char *const parts[] = { "name", "message", "stack" };
    JS_SetPropertyStr(ctx, report, "kind", JS_NewString(ctx, "error"));
    for (int i = 0; i < 3; i++) {
        JSValue part = JS_IsObject(error) ? JS_GetPropertyStr(ctx, error, parts[i]) : JS_UNDEFINED;
        if (JS_IsException(part))
            part = JS_GetException(ctx), JS_FreeValue(ctx, part), part = JS_UNDEFINED;
        if (i == 1 && !JS_IsObject(error))
            part = JS_ToString(ctx, error);
        JSValue text = JS_IsUndefined(part) ? JS_UNDEFINED : JS_ToString(ctx, part);
        JS_FreeValue(ctx, part);
        if (JS_IsException(text))
            text = JS_GetException(ctx), JS_FreeValue(ctx, text), text = JS_UNDEFINED;
        if (JS_IsUndefined(text) && i < 2)
            text = JS_NewString(ctx, i ? "" : "Error");
        JS_SetPropertyStr(ctx, report, parts[i], text);
    }
    JSValue json = JS_JSONStringify(ctx, report, JS_UNDEFINED, JS_UNDEFINED);
    Text text;
    if (!JS_IsException(json) && text_of(json, &text)) {
        host_end(0, text.text, text.len, NULL, NO_BYTES);
        JS_FreeCString(ctx, text.text);
    } else {
        static const char plain[] = "{\"kind\":\"limit\",\"name\":\"InternalError\",\"message\":\"out of memory\"}";
        host_end(0, plain, sizeof(plain) - 1, NULL, NO_BYTES);
    }
    ended = true;
    JS_FreeValue(ctx, json);
    JS_FreeValue(ctx, report);
    JS_FreeValue(ctx, error);
}

static void settle(JSValue result)
{
    if (JS_IsException(result) && !ended)
        fail_with_exception();
    JS_FreeValue(ctx, result);
}

static void run_jobs(void)
{
    JSContext *of;
    while (!ended) {
        int status = JS_ExecutePendingJob(rt, &of);
        if (status == 0)
            return;
        if (status < 0)
            fail_with_exception();
    }
}

// Runs all jobs, reports rejections that nobody looked at, and says when the program waits.
static void drain(void)
{
    for (bool told = false; !ended;) {
        run_jobs();
        if (ended)
            break;
        JSValue reasons = qs_map_take(ctx, rejected);
        if (JS_IsException(reasons)) {
            settle(reasons);
        } else if (!JS_IsUndefined(reasons)) {
            settle(call_handler("unhandled", 1, (JSValueConst *)&reasons));
            JS_FreeValue(ctx, reasons);
        } else if (!told) {
            told = true;
            JSValue count = JS_NewInt64(ctx, (int64_t)pending_count());
            settle(call_handler("idle", 1, (JSValueConst *)&count));
        } else {
            break;
        }
    }
    memory_rest();
}

// Before the run has a seed (and at a fork), the generator of Math.random is set from the run's own.
static void seed_math(void)
{
    uint64_t seed;
    host_random(entropy.seed, entropy.draw++, (uint8_t *)&seed, sizeof(seed));
    qs_seed_math(ctx, seed);
}

static JSValue take_text(char *text, size_t len)
{
    JSValue value = JS_NewStringLen(ctx, text, len);
    js_free_rt(rt, text);
    return value;
}

EXPORT("qs_seed") void qs_seed(const uint8_t *seed)
{
    memcpy(entropy.seed, seed, sizeof(entropy.seed));
    entropy.draw = 0;
    seed_math();
}

// `json`: {method?, params, run, entry}; taken over.
EXPORT("qs_start") void qs_start(char *json, size_t len)
{
    memory_prepare();
    JSValue options = JS_ParseJSON(ctx, json, len, "<start>");
    js_free_rt(rt, json);
    if (JS_IsException(options)) {
        settle(options);
        return;
    }
    JSValue name = JS_GetPropertyStr(ctx, options, "entry");
    const char *entry = JS_ToCString(ctx, name);
    modules_set_entry(entry);
    JS_FreeCString(ctx, entry);
    JS_FreeValue(ctx, name);
    settle(call_handler("start", 1, (JSValueConst *)&options));
    JS_FreeValue(ctx, options);
    drain();
}

// The result of effect `n`; the blocks are taken over.
EXPORT("qs_deliver") void qs_deliver(double n, int ok, char *json, size_t len, uint8_t *bytes, size_t bytes_len)
{
    memory_prepare();
    pending_remove((uint64_t)n);
    Reply reply = { .bytes = bytes, .bytes_len = bytes_len };
    JSValue args[] = { JS_NewFloat64(ctx, n), JS_NewBool(ctx, ok), take_text(json, len), take_bytes(&reply) };
    if (JS_IsException(args[2]) || JS_IsException(args[3]))
        settle(JS_EXCEPTION);
    else
        settle(call_handler("deliver", JS_IsUndefined(args[3]) ? 3 : 4, (JSValueConst *)args));
    for (int i = 0; i < 4; i++)
        JS_FreeValue(ctx, args[i]);
    drain();
}

EXPORT("qs_reseed") void qs_reseed(char *run, size_t len)
{
    memory_prepare();
    JSValue name = take_text(run, len);
    settle(JS_IsException(name) ? JS_EXCEPTION : call_handler("reseed", 1, (JSValueConst *)&name));
    JS_FreeValue(ctx, name);
    drain();
}

// Calls the handler `inspect`; `reply->ok` false: `json` is the error's text.
EXPORT("qs_inspect") void qs_inspect(char *expression, size_t len, Reply *reply)
{
    JSValue argument = expression ? take_text(expression, len) : JS_UNDEFINED;
    JSValue result = JS_IsException(argument) ? JS_EXCEPTION
                                              : call_handler("inspect", expression ? 1 : 0, (JSValueConst *)&argument);
    JS_FreeValue(ctx, argument);
    reply->ok = !JS_IsException(result);
    if (!reply->ok)
        result = JS_GetException(ctx);
    Text text = { 0 };
    if (text_of(result, &text)) {
        reply->json = (char *)text.text;
        reply->json_len = (uint32_t)text.len;
    } else {
        reply->ok = false;
    }
    reply->bytes_len = NO_BYTES;
    JS_FreeValue(ctx, result);
}

// ---- at build time ----

EXPORT("qs_init") int qs_init(void)
{
    // Called here so that the linker does not call it before every export.
    __wasm_call_ctors();
    rt = memory_new_runtime();
    if (!rt)
        return 1;
    // The linker puts the stack at the bottom of memory.
    qs_set_stack_limit(rt, STACK_RESERVE);
    JS_SetInterruptHandler(rt, on_interrupt, NULL);
    ctx = JS_NewContext(rt);
    if (!ctx)
        return 2;
    modules_init();
    JS_SetHostPromiseRejectionTracker(rt, on_rejection, NULL);
    rejected = qs_map_new(ctx);
    JSValue global = JS_GetGlobalObject(ctx);
    JS_DefinePropertyValueStr(ctx, global, "__native", native_object(), JS_PROP_CONFIGURABLE);
    JS_FreeValue(ctx, global);
    return 0;
}

// Evaluates the prelude. Fails with the error's text in `reply`.
EXPORT("qs_prelude") void qs_prelude(const char *source, size_t len, const char *name, Reply *reply)
{
    JSValue result = JS_Eval(ctx, source, len, name, JS_EVAL_TYPE_GLOBAL);
    reply->ok = !JS_IsException(result);
    JS_FreeValue(ctx, result);
    run_jobs();
    if (!reply->ok) {
        JSValue error = JS_GetException(ctx), stack = JS_GetPropertyStr(ctx, error, "stack");
        Text message = { 0 }, where = { 0 };
        text_of(error, &message);
        text_of(stack, &where);
        reply->json = js_malloc_rt(rt, message.len + where.len + 2);
        memcpy(reply->json, message.text, message.len);
        reply->json[message.len] = '\n';
        memcpy(reply->json + message.len + 1, where.text, where.len);
        reply->json_len = (uint32_t)(message.len + where.len + 1);
    }
    // A garbage-free image is a smaller one. A collection visits the whole heap, the platform included, and so touches
    // all its pages: not before a program has made some garbage of its own.
    JS_RunGC(rt);
    memory_seal();
    JSMemoryUsage usage;
    JS_ComputeMemoryUsage(rt, &usage);
    JS_SetGCThreshold(rt, (size_t)usage.malloc_size + FIRST_GARBAGE);
}
