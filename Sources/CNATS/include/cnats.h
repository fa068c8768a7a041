#pragma once

#include <stddef.h>

// NATS' C client, driven by one thread of ours for each connection. The library is loaded when it is first used: a program that uses
// no NATS neither needs nor touches it.

// Loads the library. NULL, or why it can't be had.
const char *stagecoach_nats_load(void);

// Whether messages can be taken on the thread that reads them. After the library was loaded.
int stagecoach_nats_takes(void);

// A connection. Its functions are for one thread, where nothing else is said: the one that has opened it, until another says that
// it works on it from now on.
struct stagecoach_nats;

// A server's subscription, and a message of one.
typedef void *stagecoach_nats_subscription;
typedef void *stagecoach_nats_message;

// What has become of a connection: bits of `what` in `changed`.
enum { stagecoach_nats_connected = 1, stagecoach_nats_disconnected = 2, stagecoach_nats_closed = 3 };

struct stagecoach_nats_options {
    const char *const *servers;
    int server_count;
    const char *name;
    // Paths; NULL where there is none.
    const char *credentials, *authority, *certificate, *key;
    // Whether TLS is asked for whatever the scheme of the servers is.
    int secure;
    int connect_milliseconds;
    int ping_milliseconds, pings_unanswered;
    int reconnect_milliseconds, reconnect_jitter_milliseconds;
    void *context;
    int bell;
    // What the subjects of the connection's own inbox begin with. Their messages, and those of consumers, come to `received`, one
    // at a time, on the thread that waits, which is the one that opens; it frees them. Where the library can't do that they come
    // to their subscriptions.
    const char *inbox;
    void (*received)(void *context, stagecoach_nats_message message);
    // Called on a thread of the library. `text` is why, where it says so; `closed` is the last call.
    void (*changed)(void *context, int what, const char *text);
};

// Makes a connection, and tries once to reach a server, which takes a while; goes on trying by itself. NULL where it can't be
// made, with the reason in `problem`. `is_connected` says how it is.
struct stagecoach_nats *stagecoach_nats_open(const struct stagecoach_nats_options *options, int *is_connected, char *problem,
                                             size_t problem_size);

// Closes it; also one that the library has closed by itself, as it does where it is refused again and again. `changed` is
// called with `closed` when nothing else will come.
void stagecoach_nats_close(struct stagecoach_nats *connection);

// A bell, which is closed as a file when no connection has it any more; -1 where there is none to be had. Ringing it ends a wait
// of the connection that has it, or the next one; from any thread.
int stagecoach_nats_bell(void);
void stagecoach_nats_ring(int bell);

// Has this thread work on it from now on; the other has ended to.
void stagecoach_nats_work_here(struct stagecoach_nats *connection);

// What is readable when there is something to do; it lives as long as the connection.
int stagecoach_nats_descriptor(struct stagecoach_nats *connection);

// Writes what was handed over; what finds no room waits for it.
void stagecoach_nats_write(struct stagecoach_nats *connection);

// Waits until something is ready, for so many milliseconds at most (-1: for ever), and reads and writes what can be.
void stagecoach_nats_wait(struct stagecoach_nats *connection, int milliseconds);

// Waits for so many milliseconds, or until the bell is rung.
void stagecoach_nats_rest(struct stagecoach_nats *connection, int milliseconds);

// How many bytes wait to be written.
int stagecoach_nats_unwritten(struct stagecoach_nats *connection);

// How large a message may be, as the server says.
long long stagecoach_nats_max_payload(struct stagecoach_nats *connection);

// Hands a message over. `headers` are so many names and values by turns, each with its NUL. 0, or the library's status.
int stagecoach_nats_publish(struct stagecoach_nats *connection, const char *subject, const char *reply, const char *headers,
                            int header_count, const void *data, int length);

// Hands a message over that a stream takes once: a second one with its id is taken for the first. The stream's answer goes to
// the connection's inbox with a number behind it.
int stagecoach_nats_publish_once(struct stagecoach_nats *connection, const char *subject, unsigned long long token,
                                 const char *id, const void *data, int length);

// Whether a status says that there is no connection now.
int stagecoach_nats_is_away(int status);

// What a status means, and what the library says of the last failure on this thread.
const char *stagecoach_nats_status(int status);

// Hears messages. Of a group, each comes to one alone; `group` may be NULL. NULL where it fails, and then nothing is called.
//
// `received` is called on one thread of the library's for all subscriptions, for one message at a time, which it is to free;
// `ended` once nothing will come any more.
stagecoach_nats_subscription stagecoach_nats_subscribe(struct stagecoach_nats *connection, const char *subject,
                                                       const char *group, void *context,
                                                       void (*received)(void *context, stagecoach_nats_message message),
                                                       void (*ended)(void *context));
void stagecoach_nats_unsubscribe(stagecoach_nats_subscription subscription);

const char *stagecoach_nats_subject(stagecoach_nats_message message);
// NULL where there is none.
const char *stagecoach_nats_reply(stagecoach_nats_message message);
const void *stagecoach_nats_data(stagecoach_nats_message message, int *length);
// NULL where there is none. Not from several threads at once.
const char *stagecoach_nats_header(stagecoach_nats_message message, const char *name);
void stagecoach_nats_free(stagecoach_nats_message message);
