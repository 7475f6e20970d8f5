-- Ids may come again after a crash of the server that lost rows; so whatever names a row outside also carries its
-- token, a random number.
CREATE TABLE runs (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name text COLLATE "C" NOT NULL UNIQUE,
    len bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 0,
    fence bigint NOT NULL,
    token bigint NOT NULL,
    holder bigint,
    owner text
) WITH (fillfactor = 50);

CREATE TABLE chunks (
    run bigint NOT NULL,
    at bigint NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (run, at)
);

CREATE TABLE messages (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    run bigint NOT NULL,
    token bigint NOT NULL,
    body bytea NOT NULL,
    UNIQUE (run, token)
);

-- Processes that drive runs, and until when they are taken to be alive.
CREATE TABLE drivers (
    session bigint PRIMARY KEY,
    expires timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE blobs (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    key text COLLATE "C" NOT NULL UNIQUE,
    token bigint NOT NULL,
    len bigint NOT NULL,
    expires timestamptz,
    bytes bytea
);
CREATE INDEX mortal ON blobs (expires) WHERE expires IS NOT NULL;

CREATE TABLE pieces (
    blob bigint NOT NULL,
    n bigint NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (blob, n)
);
-- What comes here is compressed already, if it is worth it.
ALTER TABLE blobs ALTER COLUMN bytes SET STORAGE EXTERNAL;
ALTER TABLE pieces ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE TABLE format (version integer NOT NULL);
INSERT INTO format VALUES (1);

CREATE FUNCTION is_alive(a_session bigint) RETURNS boolean LANGUAGE sql VOLATILE AS $$
    SELECT EXISTS (SELECT FROM drivers WHERE session = a_session AND expires > clock_timestamp())
$$;

-- Functions, since each of their statements sees what was committed while it waited for a lock.

CREATE FUNCTION acquire_run(a_name text, a_session bigint, a_token bigint, a_owner text, a_take_over boolean)
RETURNS TABLE (o_state integer, o_id bigint, o_fence bigint, o_owner text) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    r runs%ROWTYPE;
BEGIN
    SELECT * INTO r FROM runs WHERE name = a_name FOR UPDATE;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 0, NULL::bigint, NULL::bigint, NULL::text;
        RETURN;
    END IF;
    -- An earlier try whose reply was lost.
    IF r.token = a_token THEN
        RETURN QUERY SELECT 2, r.id, r.fence, r.owner;
        RETURN;
    END IF;
    IF NOT a_take_over AND r.holder IS NOT NULL AND is_alive(r.holder) THEN
        RETURN QUERY SELECT 1, r.id, r.fence, r.owner;
        RETURN;
    END IF;
    UPDATE runs SET fence = r.fence + 1, token = a_token, holder = a_session, owner = a_owner WHERE id = r.id;
    RETURN QUERY SELECT 2, r.id, r.fence + 1, a_owner;
END
$$;

CREATE FUNCTION delete_run(a_name text, a_from text, a_to text)
RETURNS TABLE (o_state integer, o_owner text) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    r runs%ROWTYPE;
BEGIN
    SELECT * INTO r FROM runs WHERE name = a_name FOR UPDATE;
    IF r.holder IS NOT NULL AND is_alive(r.holder) THEN
        RETURN QUERY SELECT 1, r.owner;
        RETURN;
    END IF;
    DELETE FROM chunks WHERE run = r.id;
    DELETE FROM messages WHERE run = r.id;
    DELETE FROM runs WHERE id = r.id;
    -- What was saved for a run that never began goes all the same.
    WITH gone AS (DELETE FROM blobs WHERE key >= a_from AND key < a_to RETURNING id)
    DELETE FROM pieces WHERE blob IN (SELECT id FROM gone);
    RETURN QUERY SELECT CASE WHEN r.id IS NULL THEN 0 ELSE 2 END, NULL::text;
END
$$;

-- o_state: 0 something else is there, 1 stored, 2 was stored by an earlier try whose reply was lost.
-- a_expect: 0 anything, 1 nothing, 2 the row of a_id and a_seen.
CREATE FUNCTION save_blob(
    a_key text, a_bytes bytea, a_len bigint, a_ttl bigint, a_token bigint, a_expect integer, a_id bigint, a_seen bigint
)
RETURNS TABLE (o_state integer, o_id bigint, o_token bigint) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    f record;
    was_there boolean;
    made bigint;
BEGIN
    -- One writer of a key at a time, also of one that is not there yet.
    PERFORM pg_advisory_xact_lock(hashtextextended(current_schema() || '/' || a_key, 0));
    SELECT id, token, expires <= clock_timestamp() AS expired INTO f FROM blobs WHERE key = a_key;
    was_there := FOUND AND f.expired IS NOT TRUE;
    IF was_there AND f.token = a_token THEN
        RETURN QUERY SELECT 2, f.id, f.token;
        RETURN;
    END IF;
    IF (a_expect = 1 AND was_there) OR (a_expect = 2 AND (NOT was_there OR f.id <> a_id OR f.token <> a_seen)) THEN
        IF was_there THEN
            RETURN QUERY SELECT 0, f.id, f.token;
        ELSE
            RETURN QUERY SELECT 0, NULL::bigint, NULL::bigint;
        END IF;
        RETURN;
    END IF;
    WITH gone AS (DELETE FROM blobs WHERE key = a_key RETURNING id)
    DELETE FROM pieces WHERE blob IN (SELECT id FROM gone);
    INSERT INTO blobs (key, token, len, expires, bytes)
        VALUES (a_key, a_token, a_len, clock_timestamp() + a_ttl * interval '1 millisecond', a_bytes)
        RETURNING id INTO made;
    RETURN QUERY SELECT 1, made, a_token;
END
$$;

-- Removes what nobody can see any more.
CREATE FUNCTION drop_expired() RETURNS void LANGUAGE sql VOLATILE AS $$
    WITH old AS (SELECT id FROM blobs WHERE expires <= clock_timestamp() FOR UPDATE SKIP LOCKED),
        gone AS (DELETE FROM blobs WHERE id IN (SELECT id FROM old) RETURNING id)
    DELETE FROM pieces WHERE blob IN (SELECT id FROM gone)
$$;
