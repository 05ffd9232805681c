/*
 * A session of mailsink's in memory, for the tests of both protocols: the house around it, what it
 * is given, what it said.
 */
#pragma once

#include "session.h"

#include <check.h>

typedef struct {
    MsHouse house;
    MsSession *session;
    GString *said;
} Fixture;

/* A house with an empty store and no users; both strings of a user belong to the table. */
static inline void fixture_house(Fixture *fixture, guint hidden, guint64 max_size)
{
    *fixture = (Fixture){.house = {.store = ms_store_new_memory(),
                                   .faults = ms_faults_new(),
                                   .hidden = hidden,
                                   .max_size = max_size}};
    fixture->house.users = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

/* Connects to it, with the faults of a script (NULL: none); `name` is the row's, for failures. */
static inline void fixture_connect(Fixture *fixture, MsSession *(*session_new)(MsHouse *, bool),
                                   const char *greeting, const char *fault, const char *name)
{
    if (fault != NULL)
        ck_assert_msg(ms_faults_add(fixture->house.faults, fault, NULL), "%s", name);
    fixture->session = session_new(&fixture->house, false);
    ck_assert(ms_session_connect(fixture->session));
    fixture->session->ops->greet(fixture->session);
    ck_assert_str_eq(fixture->session->out->str, greeting);
    g_string_truncate(fixture->session->out, 0);
    fixture->said = g_string_new(NULL);
}

static inline void tear_down(Fixture *fixture)
{
    ms_session_free(fixture->session);
    ms_store_free(fixture->house.store);
    ms_faults_free(fixture->house.faults);
    g_hash_table_unref(fixture->house.users);
    g_string_free(fixture->said, TRUE);
}

/* As the loop does: what is not taken is offered again, after more of the answer was given, until
 * the session wishes for something else. */
static inline void feed(Fixture *fixture, const char *bytes, size_t length)
{
    MsSession *session = fixture->session;

    while (session->wish == MS_WISH_NONE) {
        size_t taken;

        if (session->ops->produce != NULL)
            session->ops->produce(session);
        taken = session->ops->input(session, bytes, length);
        g_string_append_len(fixture->said, session->out->str, (gssize)session->out->len);
        g_string_truncate(session->out, 0);
        bytes += taken;
        length -= taken;
        if (length == 0)
            break;
    }
}
