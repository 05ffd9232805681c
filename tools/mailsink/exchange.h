/*
 * A login by SASL, the server's side, for both protocols: PLAIN (RFC 4616), LOGIN, and the two
 * whose password is an access token, XOAUTH2 and OAUTHBEARER (RFC 7628). The token that is taken is
 * the user's password.
 */
#pragma once

#include "session.h"

#define MS_MECHANISMS "PLAIN LOGIN XOAUTH2 OAUTHBEARER"

typedef enum {
    MS_TURN_ASK,    /* say the challenge, the next line answers it */
    MS_TURN_ADMIT,  /* `name` is logged in */
    MS_TURN_REFUSE, /* name and password or token are no user's */
    MS_TURN_BROKEN, /* that was no response */
    MS_TURN_CANCEL, /* the client gave up */
} MsTurn;

/* Zero, and no exchange is under way. */
typedef struct {
    const struct MsMechanism *mechanism; /* NULL: none */
    char *name;                          /* as the client gave it */
    const char *challenge;               /* base64, of MS_TURN_ASK; borrowed until the next turn */
} MsExchange;

void ms_exchange_clear(MsExchange *exchange);

/* False when a mechanism of that name (of `length` octets) is not known. */
bool ms_exchange_begin(MsExchange *exchange, const char *name, size_t length);

/* The client's next line; NULL: it began without a first response. Any turn but MS_TURN_ASK ends
 * the exchange. */
MsTurn ms_exchange_take(MsExchange *exchange, const MsHouse *house, const char *line);
