// Modules: the pinned code's, which the host holds, and the built-ins, which the prelude makes.
#include <stdlib.h>
#include <string.h>

#include "shim.h"

static char *entry; // the module that the run began with

void modules_set_entry(const char *name)
{
    free(entry);
    entry = name ? strdup(name) : NULL;
}

// The bundler resolved every import: the host looks it up. What it does not know is taken as it is: a built-in.
static char *normalize(JSContext *c, const char *importer, const char *specifier, void *opaque)
{
    (void)opaque;
    Reply reply = { 0 };
    host_resolve(importer, strlen(importer), specifier, strlen(specifier), &reply);
    if (!reply.json) {
        JS_ThrowOutOfMemory(c);
        return NULL;
    }
    char *name = js_strdup(c, reply.ok ? reply.json : specifier);
    js_free_rt(rt, reply.json);
    return name;
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// The path of a file URL.
static char *path_of(const char *url)
{
    char *path = strdup(url + 7), *to = path;
    for (const char *from = path; path && *from; from++) {
        int high = *from == '%' ? hex(from[1]) : -1, low = high >= 0 ? hex(from[2]) : -1;
        if (low >= 0) {
            *to++ = (char)(high * 16 + low);
            from += 2;
        } else {
            *to++ = *from;
        }
    }
    if (path)
        *to = 0;
    return path;
}

static int fill_meta(JSContext *c, JSModuleDef *m, const char *name)
{
    JSValue meta = JS_GetImportMeta(c, m);
    if (JS_IsException(meta))
        return -1;
    JS_DefinePropertyValueStr(c, meta, "url", JS_NewString(c, name), JS_PROP_C_W_E);
    JS_DefinePropertyValueStr(c, meta, "main", JS_NewBool(c, entry && strcmp(entry, name) == 0), JS_PROP_C_W_E);
    if (strncmp(name, "file://", 7) == 0) {
        char *path = path_of(name);
        if (path) {
            JS_DefinePropertyValueStr(c, meta, "filename", JS_NewString(c, path), JS_PROP_C_W_E);
            char *slash = strrchr(path, '/');
            size_t len = slash ? (size_t)(slash - path) : 0;
            JS_DefinePropertyValueStr(c, meta, "dirname", JS_NewStringLen(c, len ? path : "/", len ? len : 1),
                                      JS_PROP_C_W_E);
        }
        free(path);
    }
    JS_FreeValue(c, meta);
    return 0;
}

// A module whose exports are the properties of its private value.
static int init_exports(JSContext *c, JSModuleDef *m)
{
    JSValue exports = JS_GetModulePrivateValue(c, m);
    JSPropertyEnum *names;
    uint32_t count;
    int result = 0;
    if (JS_GetOwnPropertyNames(c, &names, &count, exports, JS_GPN_STRING_MASK | JS_GPN_ENUM_ONLY) < 0) {
        JS_FreeValue(c, exports);
        return -1;
    }
    for (uint32_t i = 0; i < count && result == 0; i++) {
        const char *name = JS_AtomToCString(c, names[i].atom);
        JSValue value = name ? JS_GetProperty(c, exports, names[i].atom) : JS_EXCEPTION;
        result = JS_IsException(value) ? -1 : JS_SetModuleExport(c, m, name, value);
        JS_FreeCString(c, name);
    }
    JS_FreePropertyEnum(c, names, count);
    JS_FreeValue(c, exports);
    return result;
}

static JSModuleDef *module_of(JSContext *c, const char *name, JSValue exports)
{
    JSPropertyEnum *names = NULL;
    uint32_t count = 0;
    JSModuleDef *m = JS_NewCModule(c, name, init_exports);
    bool good = m && JS_GetOwnPropertyNames(c, &names, &count, exports, JS_GPN_STRING_MASK | JS_GPN_ENUM_ONLY) >= 0;
    for (uint32_t i = 0; i < count && good; i++) {
        const char *key = JS_AtomToCString(c, names[i].atom);
        good = key && JS_AddModuleExport(c, m, key) >= 0;
        JS_FreeCString(c, key);
    }
    JS_FreePropertyEnum(c, names, count);
    if (!good) {
        JS_FreeValue(c, exports);
        return NULL;
    }
    JS_SetModulePrivateValue(c, m, exports);
    return m;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), n = strlen(end);
    return len >= n && memcmp(text + len - n, end, n) == 0;
}

static JSModuleDef *load_json(JSContext *c, const char *name, Reply *source)
{
    JSValue value = JS_ParseJSON(c, source->json, source->json_len, name);
    JSValue exports = JS_IsException(value) ? JS_EXCEPTION : JS_NewObjectProto(c, JS_NULL);
    if (JS_IsException(exports)) {
        JS_FreeValue(c, value);
        return NULL;
    }
    JS_DefinePropertyValueStr(c, exports, "default", value, JS_PROP_C_W_E);
    return module_of(c, name, exports);
}

static JSModuleDef *load_code(JSContext *c, const char *name, Reply *source)
{
    JSValue code = JS_Eval(c, source->json, source->json_len, name, JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
    if (JS_IsException(code))
        return NULL;
    JSModuleDef *m = JS_VALUE_GET_PTR(code);
    // The list of loaded modules holds it from here on.
    JS_FreeValue(c, code);
    return fill_meta(c, m, name) ? NULL : m;
}

static JSModuleDef *load_builtin(JSContext *c, const char *name)
{
    JSValue key = JS_NewString(c, name);
    JSValue exports = JS_IsException(key) ? JS_EXCEPTION : call_handler("builtin", 1, (JSValueConst *)&key);
    JS_FreeValue(c, key);
    if (JS_IsException(exports))
        return NULL;
    if (JS_IsObject(exports))
        return module_of(c, name, exports);
    JS_FreeValue(c, exports);
    JS_ThrowReferenceError(c,
                           "Cannot find module '%s': it is neither part of this run's code nor built in. The code of a "
                           "run is pinned when it starts, so import it by a fixed name, or start a new run",
                           name);
    JSValue error = JS_GetException(c);
    JS_DefinePropertyValueStr(c, error, "code", JS_NewString(c, "ERR_MODULE_NOT_FOUND"), JS_PROP_C_W_E);
    JS_Throw(c, error);
    return NULL;
}

static JSModuleDef *load(JSContext *c, const char *name, void *opaque)
{
    (void)opaque;
    Reply source = { 0 };
    host_source(name, strlen(name), &source);
    if (!source.ok)
        return load_builtin(c, name);
    if (!source.json) {
        JS_ThrowOutOfMemory(c);
        return NULL;
    }
    JSModuleDef *m = ends_with(name, ".json") ? load_json(c, name, &source) : load_code(c, name, &source);
    js_free_rt(rt, source.json);
    return m;
}

void modules_init(void)
{
    JS_SetModuleLoaderFunc(rt, normalize, load, NULL);
}
