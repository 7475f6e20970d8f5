// `__native`: what the prelude calls.
#include <stdlib.h>
#include <string.h>

#include "shim.h"

JSRuntime *rt;
JSContext *ctx;
Entropy entropy;
bool ended;
JSValue handlers = JS_UNDEFINED;

// The numbers of effects that wait, ascending.
static struct {
    uint64_t *numbers;
    size_t count, room;
} pending;

// From the engine's own allocator, so that its garbage collector sees what values weigh.
EXPORT("qs_alloc") void *qs_alloc(size_t len)
{
    return js_malloc_rt(rt, len ? len : 1);
}

EXPORT("qs_free") void qs_free(void *block)
{
    js_free_rt(rt, block);
}

static void pending_add(uint64_t n)
{
    if (pending.count == pending.room) {
        size_t room = pending.room ? pending.room * 2 : 16;
        uint64_t *numbers = realloc(pending.numbers, room * sizeof(*numbers));
        if (!numbers)
            return; // the count is for messages only
        pending.numbers = numbers;
        pending.room = room;
    }
    pending.numbers[pending.count++] = n;
}

void pending_remove(uint64_t n)
{
    size_t low = 0, high = pending.count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (pending.numbers[middle] < n)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < pending.count && pending.numbers[low] == n) {
        pending.count--;
        memmove(pending.numbers + low, pending.numbers + low + 1, (pending.count - low) * sizeof(*pending.numbers));
    }
}

size_t pending_count(void)
{
    return pending.count;
}

// ---- values that cross the border ----

bool text_of(JSValueConst value, Text *out)
{
    out->text = JS_ToCStringLen(ctx, &out->len, value);
    return out->text != NULL;
}

// An optional ArrayBuffer or Uint8Array; false throws.
static bool bytes_of(int argc, JSValueConst *argv, int at, const uint8_t **bytes, size_t *len)
{
    *bytes = NULL;
    *len = NO_BYTES;
    if (at >= argc || JS_IsUndefined(argv[at]) || JS_IsNull(argv[at]))
        return true;
    uint8_t *data = JS_GetTypedArrayType(argv[at]) >= 0 ? JS_GetUint8Array(ctx, len, argv[at])
                                                        : JS_GetArrayBuffer(ctx, len, argv[at]);
    if (!data && JS_HasException(ctx))
        return false;
    if (!data)
        *len = 0;
    *bytes = data;
    return true;
}

static void *realloc_bytes(JSRuntime *runtime, void *opaque, void *block, size_t size)
{
    (void)opaque;
    return js_realloc_rt(runtime, block, size);
}

JSValue take_bytes(Reply *reply)
{
    if (reply->bytes_len == NO_BYTES)
        return JS_UNDEFINED;
    return JS_NewArrayBuffer(ctx, reply->bytes, reply->bytes_len, 0, realloc_bytes, NULL, false);
}

// [ok, json, bytes?]
static JSValue reply_value(Reply *reply)
{
    JSValue json = JS_NewStringLen(ctx, reply->json, reply->json_len);
    js_free_rt(rt, reply->json);
    JSValue bytes = take_bytes(reply);
    JSValue list = JS_NewArray(ctx);
    if (JS_IsException(json) || JS_IsException(bytes) || JS_IsException(list)) {
        JS_FreeValue(ctx, json);
        JS_FreeValue(ctx, bytes);
        JS_FreeValue(ctx, list);
        return JS_EXCEPTION;
    }
    JS_DefinePropertyValueUint32(ctx, list, 0, JS_NewBool(ctx, reply->ok), JS_PROP_C_W_E);
    JS_DefinePropertyValueUint32(ctx, list, 1, json, JS_PROP_C_W_E);
    if (!JS_IsUndefined(bytes))
        JS_DefinePropertyValueUint32(ctx, list, 2, bytes, JS_PROP_C_W_E);
    return list;
}

// ---- __native ----

static JSValue native_effect(JSContext *c, JSValueConst self, int argc, JSValueConst *argv)
{
    (void)c, (void)self;
    int kind;
    Text json;
    const uint8_t *bytes;
    size_t len;
    if (argc < 2 || JS_ToInt32(ctx, &kind, argv[0]))
        return argc < 2 ? JS_ThrowTypeError(ctx, "effect needs a kind and a JSON text") : JS_EXCEPTION;
    if (!bytes_of(argc, argv, 2, &bytes, &len) || !text_of(argv[1], &json))
        return JS_EXCEPTION;
    uint64_t withdrawn = 0;
    int64_t n = host_effect(kind, json.text, json.len, bytes, len, &withdrawn);
    JS_FreeCString(ctx, json.text);
    if (n < 0)
        return JS_ThrowTypeError(ctx, "effect %d was given JSON of another shape", kind);
    if (kind >= 1 && kind <= 5)
        pending_add((uint64_t)n);
    if (kind == 6)
        pending_remove(withdrawn);
    return JS_NewInt64(ctx, n);
}

enum { CALL, PURE };

static JSValue native_operation(JSContext *c, JSValueConst self, int argc, JSValueConst *argv, int magic)
{
    (void)c, (void)self;
    Text op, json;
    const uint8_t *bytes;
    size_t len;
    Reply reply = { 0 };
    if (argc < 2)
        return JS_ThrowTypeError(ctx, "an operation needs a name and a JSON text");
    if (!text_of(argv[0], &op))
        return JS_EXCEPTION;
    if (!text_of(argv[1], &json)) {
        JS_FreeCString(ctx, op.text);
        return JS_EXCEPTION;
    }
    bool good = bytes_of(argc, argv, 2, &bytes, &len);
    if (good)
        (magic == CALL ? host_call : host_pure)(op.text, op.len, json.text, json.len, bytes, len, &reply);
    JS_FreeCString(ctx, op.text);
    JS_FreeCString(ctx, json.text);
    if (!good)
        return JS_EXCEPTION;
    return reply.json ? reply_value(&reply) : JS_ThrowOutOfMemory(ctx);
}

static JSValue native_now(JSContext *c, JSValueConst self, int argc, JSValueConst *argv)
{
    (void)self, (void)argc, (void)argv;
    return JS_NewFloat64(c, qs_read_clock());
}

static JSValue native_random(JSContext *c, JSValueConst self, int argc, JSValueConst *argv)
{
    (void)c, (void)self;
    size_t len;
    uint8_t *out = argc > 0 ? JS_GetUint8Array(ctx, &len, argv[0]) : NULL;
    if (!out && (argc == 0 || JS_HasException(ctx)))
        return argc == 0 ? JS_ThrowTypeError(ctx, "random needs a Uint8Array") : JS_EXCEPTION;
    if (out && len)
        host_random(entropy.seed, entropy.draw++, out, len);
    return JS_UNDEFINED;
}

enum { FAIL, DONE };

static JSValue native_end(JSContext *c, JSValueConst self, int argc, JSValueConst *argv, int magic)
{
    (void)c, (void)self;
    Text json;
    const uint8_t *bytes;
    size_t len;
    if (argc < 1)
        return JS_ThrowTypeError(ctx, "the end of a program needs a JSON text");
    if (!bytes_of(magic == DONE ? argc : 0, argv, 1, &bytes, &len) || !text_of(argv[0], &json))
        return JS_EXCEPTION;
    int good = ended || host_end(magic, json.text, json.len, bytes, len);
    JS_FreeCString(ctx, json.text);
    if (!good)
        return JS_ThrowTypeError(ctx, "the end of the program was given JSON of another shape");
    ended = true;
    return JS_UNDEFINED;
}

static JSValue native_import(JSContext *c, JSValueConst self, int argc, JSValueConst *argv)
{
    (void)c, (void)self;
    const char *name = argc > 0 ? JS_ToCString(ctx, argv[0]) : NULL;
    if (!name)
        return argc ? JS_EXCEPTION : JS_ThrowTypeError(ctx, "importModule needs a name");
    JSValue promise = JS_LoadModule(ctx, "", name, JS_UNDEFINED);
    JS_FreeCString(ctx, name);
    return promise;
}

static JSValue native_eval(JSContext *c, JSValueConst self, int argc, JSValueConst *argv)
{
    (void)c, (void)self;
    if (argc < 2)
        return JS_ThrowTypeError(ctx, "evalScript needs a source and a name");
    Text source;
    const char *name = JS_ToCString(ctx, argv[1]);
    if (!name)
        return JS_EXCEPTION;
    if (!text_of(argv[0], &source)) {
        JS_FreeCString(ctx, name);
        return JS_EXCEPTION;
    }
    JSValue value = JS_Eval(ctx, source.text, source.len, name, JS_EVAL_TYPE_GLOBAL);
    JS_FreeCString(ctx, source.text);
    JS_FreeCString(ctx, name);
    return value;
}

// {file, line, column} in the author's file.
static JSValue mapped_place(JSContext *c, const char *file, int line, int column)
{
    JSValue place = JS_NewObject(c);
    if (JS_IsException(place))
        return place;
    JS_SetPropertyStr(c, place, "file", JS_NewString(c, file));
    JS_SetPropertyStr(c, place, "line", JS_NewInt32(c, line));
    JS_SetPropertyStr(c, place, "column", JS_NewInt32(c, column));
    JSValue json = JS_JSONStringify(c, place, JS_UNDEFINED, JS_UNDEFINED);
    Text text;
    if (JS_IsException(json) || !text_of(json, &text)) {
        JS_FreeValue(c, json);
        JS_FreeValue(c, place);
        return JS_EXCEPTION;
    }
    JS_FreeValue(c, json);
    Reply reply = { 0 };
    host_pure("stack.map", 9, text.text, text.len, NULL, NO_BYTES, &reply);
    JS_FreeCString(c, text.text);
    if (reply.json && reply.ok) {
        JSValue mapped = JS_ParseJSON(c, reply.json, reply.json_len, "<stack.map>");
        if (!JS_IsException(mapped)) {
            JS_FreeValue(c, place);
            place = mapped;
        }
    }
    js_free_rt(rt, reply.json);
    return place;
}

static JSValue native_frames(JSContext *c, JSValueConst self, int argc, JSValueConst *argv)
{
    (void)self, (void)argc, (void)argv;
    return qs_frames(c, mapped_place);
}

static JSValue native_scope(JSContext *c, JSValueConst self, int argc, JSValueConst *argv)
{
    (void)self, (void)argc, (void)argv;
    return qs_scope(c);
}

static JSValue native_handlers(JSContext *c, JSValueConst self, int argc, JSValueConst *argv)
{
    (void)self;
    if (argc < 1 || !JS_IsObject(argv[0]))
        return JS_ThrowTypeError(c, "handlers needs an object");
    JS_FreeValue(c, handlers);
    handlers = JS_DupValue(c, argv[0]);
    return JS_UNDEFINED;
}

static const JSCFunctionListEntry native_functions[] = {
    JS_CFUNC_DEF("effect", 3, native_effect),
    JS_CFUNC_MAGIC_DEF("call", 3, native_operation, CALL),
    JS_CFUNC_MAGIC_DEF("pure", 3, native_operation, PURE),
    JS_CFUNC_DEF("now", 0, native_now),
    JS_CFUNC_DEF("random", 1, native_random),
    JS_CFUNC_MAGIC_DEF("done", 2, native_end, DONE),
    JS_CFUNC_MAGIC_DEF("fail", 1, native_end, FAIL),
    JS_CFUNC_DEF("importModule", 1, native_import),
    JS_CFUNC_DEF("evalScript", 2, native_eval),
    JS_CFUNC_DEF("frames", 0, native_frames),
    JS_CFUNC_DEF("scope", 0, native_scope),
    JS_CFUNC_DEF("handlers", 1, native_handlers),
};

JSValue native_object(void)
{
    JSValue object = JS_NewObject(ctx);
    if (!JS_IsException(object))
        JS_SetPropertyFunctionList(ctx, object, native_functions,
                                   sizeof(native_functions) / sizeof(native_functions[0]));
    return object;
}
