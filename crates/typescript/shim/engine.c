// QuickJS-ng itself, in one unit with what must reach into it: the stack limit, the seed of Math.random, and the
// frames of suspended functions.
#include "shim.h"

#include "quickjs.c"

int qs_polls = 10000;

bool qs_reports_no_memory(JSRuntime *rt)
{
    return rt->in_out_of_memory;
}

// QuickJS leaves its limit off here, because it cannot know the size of the stack; the linker's layout does.
void qs_set_stack_limit(JSRuntime *rt, uintptr_t limit)
{
    rt->stack_limit = limit;
}

void qs_seed_math(JSContext *ctx, uint64_t seed)
{
    ctx->random_state = seed ? seed : 1;
}

// Nothing is put into the gaps of the arenas from here on: what a program makes then lies together, and not in a page
// here and a page there that a snapshot would have to hold.
void qs_seal_arenas(JSRuntime *rt)
{
    struct list_head *el, *el1;
    for (int i = 0; i < JS_ARENA_BLOCK_SIZE_COUNT; i++) {
        struct list_head *head = &rt->arena_state.free_arena_list[i];
        // Linked to itself, an arena can still be taken off "the list" when its last block is given back.
        list_for_each_safe(el, el1, head) init_list_head(el);
        init_list_head(head);
    }
}

// One arena of each size to begin with: the numbers that link its free blocks are then part of the image.
void qs_open_arenas(JSRuntime *rt)
{
    for (int i = 0; i < JS_ARENA_BLOCK_SIZE_COUNT; i++)
        arena_new(rt, i);
}

JSValue qs_map_new(JSContext *ctx)
{
    return js_map_constructor(ctx, JS_UNDEFINED, 0, NULL, 0);
}

void qs_map_set(JSContext *ctx, JSValueConst map, JSValueConst key, JSValueConst value)
{
    JSValueConst pair[] = { key, value };
    JS_FreeValue(ctx, js_map_set(ctx, map, 2, pair, 0));
}

void qs_map_delete(JSContext *ctx, JSValueConst map, JSValueConst key)
{
    JS_FreeValue(ctx, js_map_delete(ctx, map, 1, &key, 0));
}

JSValue qs_map_take(JSContext *ctx, JSValueConst map)
{
    JSMapState *s = JS_GetOpaque(map, JS_CLASS_MAP);
    if (!s || s->record_count == 0)
        return JS_UNDEFINED;
    JSValue list = JS_NewArray(ctx);
    struct list_head *el;
    int64_t at = 0;
    if (JS_IsException(list))
        return list;
    list_for_each(el, &s->records) {
        JSMapRecord *record = list_entry(el, JSMapRecord, link);
        if (!record->empty)
            JS_SetPropertyInt64(ctx, list, at++, js_dup(record->value));
    }
    JS_FreeValue(ctx, js_map_clear(ctx, map, 0, NULL, 0));
    return list;
}

// The frame of a suspended generator, async function or async generator, or NULL.
static JSStackFrame *suspended_frame(JSGCObjectHeader *gp)
{
    JSStackFrame *sf = NULL;
    if (JS_GC_TYPE(gp) == JS_GC_OBJ_TYPE_ASYNC_FUNCTION) {
        JSAsyncFunctionData *s = (JSAsyncFunctionData *)gp;
        if (s->is_active)
            sf = &s->func_state.frame;
    } else if (JS_GC_TYPE(gp) == JS_GC_OBJ_TYPE_JS_OBJECT) {
        JSObject *p = (JSObject *)gp;
        if (p->class_id == JS_CLASS_GENERATOR) {
            JSGeneratorData *s = p->u.generator_data;
            if (s && (s->state == JS_GENERATOR_STATE_SUSPENDED_YIELD ||
                      s->state == JS_GENERATOR_STATE_SUSPENDED_YIELD_STAR))
                sf = &s->func_state.frame;
        } else if (p->class_id == JS_CLASS_ASYNC_GENERATOR) {
            JSAsyncGeneratorData *s = p->u.async_generator_data;
            if (s && s->state != JS_ASYNC_GENERATOR_STATE_SUSPENDED_START &&
                s->state != JS_ASYNC_GENERATOR_STATE_AWAITING_RETURN &&
                s->state != JS_ASYNC_GENERATOR_STATE_COMPLETED)
                sf = &s->func_state.frame;
        }
    }
    // A frame that runs has no stack pointer.
    if (!sf || !sf->arg_buf || !sf->cur_sp || JS_VALUE_GET_TAG(sf->cur_func) != JS_TAG_OBJECT)
        return NULL;
    return js_class_has_bytecode(JS_VALUE_GET_OBJ(sf->cur_func)->class_id) ? sf : NULL;
}

static JSFunctionBytecode *frame_code(JSStackFrame *sf)
{
    return JS_VALUE_GET_OBJ(sf->cur_func)->u.func.function_bytecode;
}

// The prelude's own functions wait too; nobody wants to see them.
static bool is_user_code(JSContext *ctx, JSFunctionBytecode *b)
{
    const char *file = b->filename ? JS_AtomToCString(ctx, b->filename) : NULL;
    bool user = file && strncmp(file, "quicksave:", 10) != 0;
    JS_FreeCString(ctx, file);
    return user;
}

// Whether a name can be written by a programmer: the compiler's own variables are called `<this>` and the like.
static bool is_name(JSContext *ctx, JSAtom atom)
{
    if (atom == JS_ATOM_NULL || atom == JS_ATOM_this || atom == JS_ATOM_new_target || __JS_AtomIsTaggedInt(atom) ||
        JS_AtomGetKind(ctx, atom) != JS_ATOM_KIND_STRING)
        return false;
    const char *name = JS_AtomToCString(ctx, atom);
    unsigned char c = name ? (unsigned char)name[0] : 0;
    JS_FreeCString(ctx, name);
    return c == '_' || c == '$' || c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void put(JSContext *ctx, JSValueConst into, JSAtom name, JSValueConst value)
{
    // Not yet initialised, or one of the engine's own values: nothing that a program could see.
    int tag = JS_VALUE_GET_TAG(value);
    if (tag == JS_TAG_UNINITIALIZED || tag == JS_TAG_CATCH_OFFSET || tag == JS_TAG_MODULE ||
        tag == JS_TAG_FUNCTION_BYTECODE || !is_name(ctx, name))
        return;
    JS_DefinePropertyValue(ctx, into, name, js_dup(value), JS_PROP_C_W_E);
}

static void put_locals(JSContext *ctx, JSValueConst into, JSStackFrame *sf)
{
    JSFunctionBytecode *b = frame_code(sf);
    for (int i = 0; i < b->arg_count + b->var_count; i++) {
        JSVarDef *vd = &b->vardefs[i];
        if (vd->var_kind >= JS_VAR_PRIVATE_FIELD && vd->var_kind <= JS_VAR_PRIVATE_GETTER_SETTER)
            continue;
        put(ctx, into, vd->var_name, i < b->arg_count ? sf->arg_buf[i] : sf->var_buf[i - b->arg_count]);
    }
}

// The variables of the functions around a function.
static void put_closure(JSContext *ctx, JSValueConst into, JSValueConst func)
{
    JSObject *p = JS_VALUE_GET_OBJ(func);
    JSFunctionBytecode *b = p->u.func.function_bytecode;
    for (int i = 0; p->u.func.var_refs && i < b->closure_var_count; i++) {
        JSClosureVar *cv = &b->closure_var[i];
        if (cv->closure_type == JS_CLOSURE_GLOBAL || cv->closure_type == JS_CLOSURE_GLOBAL_REF ||
            cv->closure_type == JS_CLOSURE_GLOBAL_DECL || !p->u.func.var_refs[i] ||
            (cv->var_kind >= JS_VAR_PRIVATE_FIELD && cv->var_kind <= JS_VAR_PRIVATE_GETTER_SETTER))
            continue;
        put(ctx, into, cv->var_name, *p->u.func.var_refs[i]->pvalue);
    }
}

// Walks the suspended frames of user code, oldest first. The list is copied before anything is allocated, because an
// allocation may collect garbage and reorder the list.
static JSStackFrame **suspended_frames(JSContext *ctx, uint32_t *count)
{
    struct list_head *el;
    uint32_t n = 0, at = 0;
    list_for_each(el, &ctx->rt->gc_obj_list)
        n += suspended_frame(list_entry(el, JSGCObjectHeader, link)) != NULL;
    JSStackFrame **frames = malloc((n + 1) * sizeof(*frames));
    if (!frames) {
        JS_ThrowOutOfMemory(ctx);
        return NULL;
    }
    list_for_each(el, &ctx->rt->gc_obj_list) {
        JSStackFrame *sf = suspended_frame(list_entry(el, JSGCObjectHeader, link));
        if (sf && at < n)
            frames[at++] = sf;
    }
    *count = 0;
    for (uint32_t i = 0; i < at; i++)
        if (is_user_code(ctx, frame_code(frames[i])))
            frames[(*count)++] = frames[i];
    return frames;
}

// [{function, file, line, column, locals}], the innermost (youngest) first.
JSValue qs_frames(JSContext *ctx, JSValue (*place)(JSContext *, const char *file, int line, int column))
{
    uint32_t count;
    // No collection while we hold frames that nothing else may hold.
    size_t threshold = ctx->rt->malloc_gc_threshold;
    ctx->rt->malloc_gc_threshold = SIZE_MAX;
    JSStackFrame **frames = suspended_frames(ctx, &count);
    JSValue list = frames ? JS_NewArray(ctx) : JS_EXCEPTION;
    for (uint32_t i = 0; frames && !JS_IsException(list) && i < count; i++) {
        JSStackFrame *sf = frames[count - 1 - i];
        JSFunctionBytecode *b = frame_code(sf);
        int line, column = 1;
        uint32_t pc = sf->cur_pc ? (uint32_t)(sf->cur_pc - b->byte_code_buf) : 0;
        line = find_line_num(ctx, b, pc ? pc - 1 : 0, &column);
        const char *file = JS_AtomToCString(ctx, b->filename);
        JSValue frame = place(ctx, file ? file : "", line, column);
        JS_FreeCString(ctx, file);
        if (JS_IsException(frame)) {
            JS_FreeValue(ctx, list);
            list = JS_EXCEPTION;
            break;
        }
        const char *name = get_func_name(ctx, sf->cur_func);
        JS_DefinePropertyValueStr(ctx, frame, "function", JS_NewString(ctx, name && *name ? name : "<anonymous>"),
                                  JS_PROP_C_W_E);
        JS_FreeCString(ctx, name);
        JSValue locals = JS_NewObjectProto(ctx, JS_NULL);
        if (!JS_IsException(locals)) {
            put_locals(ctx, locals, sf);
            JS_DefinePropertyValueStr(ctx, frame, "locals", locals, JS_PROP_C_W_E);
        }
        JS_DefinePropertyValueUint32(ctx, list, i, frame, JS_PROP_C_W_E);
    }
    free(frames);
    ctx->rt->malloc_gc_threshold = threshold;
    return list;
}

// Everything that code at the suspended places sees, in one object: the variables of modules, of the functions around
// and of the suspended functions themselves; the innermost wins.
JSValue qs_scope(JSContext *ctx)
{
    struct list_head *el;
    uint32_t count;
    size_t threshold = ctx->rt->malloc_gc_threshold;
    ctx->rt->malloc_gc_threshold = SIZE_MAX;
    JSStackFrame **frames = suspended_frames(ctx, &count);
    JSValue scope = frames ? JS_NewObjectProto(ctx, JS_NULL) : JS_EXCEPTION;
    if (!JS_IsException(scope)) {
        // Modules are listed as they were loaded: the entry first. It wins over what it imports.
        list_for_each_prev(el, &ctx->loaded_modules) {
            JSModuleDef *m = list_entry(el, JSModuleDef, link);
            if (JS_VALUE_GET_TAG(m->func_obj) == JS_TAG_OBJECT &&
                js_class_has_bytecode(JS_VALUE_GET_OBJ(m->func_obj)->class_id))
                put_closure(ctx, scope, m->func_obj);
        }
        for (uint32_t i = 0; i < count; i++) {
            put_closure(ctx, scope, frames[i]->cur_func);
            put_locals(ctx, scope, frames[i]);
        }
    }
    free(frames);
    ctx->rt->malloc_gc_threshold = threshold;
    return scope;
}
