#define _GNU_SOURCE
#include "cnats.h"

#include <dlfcn.h>
#include <nats/nats.h>
#include <nats/version.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define FUNCTIONS(each) \
    each(natsConnection_Buffered) each(natsConnection_Close) each(natsConnection_Connect) each(natsConnection_Destroy) \
    each(natsConnection_GetLastError) each(natsConnection_GetMaxPayload) each(natsConnection_ProcessReadEvent) \
    each(natsConnection_ProcessWriteEvent) each(natsConnection_PublishMsg) each(natsConnection_PublishRequest) \
    each(natsConnection_Publish) each(natsConnection_QueueSubscribe) each(natsConnection_Subscribe) each(natsMsgHeader_Get) each(natsMsgHeader_Set) \
    each(natsMsg_Create) each(natsMsg_Destroy) each(natsMsg_GetData) each(natsMsg_GetDataLength) each(natsMsg_GetReply) \
    each(natsMsg_GetSubject) each(natsOptions_Create) each(natsOptions_Destroy) each(natsOptions_LoadCATrustedCertificates) \
    each(natsOptions_LoadCertificatesChain) each(natsOptions_SetAllowReconnect) each(natsOptions_SetClosedCB) each(natsOptions_SetDisconnectedCB) \
    each(natsOptions_SetErrorHandler) each(natsOptions_SetEventLoop) each(natsOptions_SetMaxPingsOut) \
    each(natsOptions_SetMaxReconnect) each(natsOptions_SetName) each(natsOptions_SetPingInterval) \
    each(natsOptions_SetReconnectBufSize) each(natsOptions_SetReconnectJitter) each(natsOptions_SetReconnectWait) \
    each(natsOptions_SetRetryOnFailedConnect) each(natsOptions_SetSecure) \
    each(natsOptions_SetSendAsap) each(natsOptions_SetServers) each(natsOptions_SetTimeout) \
    each(natsOptions_SetUserCredentialsFromFiles) each(natsOptions_UseGlobalMessageDelivery) each(natsStatus_GetText) each(natsSubscription_Destroy) \
    each(natsSubscription_SetOnCompleteCB) each(natsSubscription_SetPendingLimits) each(natsSubscription_Unsubscribe) \
    each(nats_GetLastError)

static struct {
#define DECLARE(name) __typeof__(&name) name;
    FUNCTIONS(DECLARE)
#undef DECLARE
} library;

// Two functions of the library that its header doesn't show. The library's name holds the second number of its version, with
// which they could change. With them messages are taken and freed on the thread that has read them; without, the library hands
// each to a thread of its own and to another that frees it, which costs as much as all the rest.
typedef void (*message_filter)(natsConnection *, natsMsg **, void *);
static void (*set_filter)(natsConnection *, message_filter, void *);
static void (*free_message)(void *);

static pthread_once_t loaded = PTHREAD_ONCE_INIT;
static char load_problem[512];

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)
// The library's name has the version in it, as its functions may change with the second number.
#define SONAME "libnats.so." TEXT(NATS_VERSION_MAJOR) "." TEXT(NATS_VERSION_MINOR)

static void load(void) {
    void *handle = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        snprintf(load_problem, sizeof load_problem,
                 "the library of NATS is not here; install Debian's package 'libnats" TEXT(NATS_VERSION_MAJOR) "." TEXT(
                     NATS_VERSION_MINOR) "' (%s)",
                 dlerror());
        return;
    }
#define FIND(name) \
    if (!(library.name = (__typeof__(&name))dlsym(handle, #name))) \
        snprintf(load_problem, sizeof load_problem, SONAME " has no '%s'", #name);
    FUNCTIONS(FIND)
#undef FIND
    set_filter = (__typeof__(set_filter))dlsym(handle, "natsConn_setFilterWithClosure");
    free_message = (__typeof__(free_message))dlsym(handle, "natsMsg_free");
}

const char *stagecoach_nats_load(void) {
    pthread_once(&loaded, load);
    return *load_problem ? load_problem : NULL;
}

int stagecoach_nats_takes(void) {
    return set_filter && free_message;
}

struct stagecoach_nats {
    natsConnection *connection;
    int set, bell; // The bell is the caller's.
    // Of what follows, also which events are watched; the library changes it on threads of its own, too.
    pthread_mutex_t lock;
    // The thread that works on it.
    pthread_t thread;
    int socket, reads, writes;
    uint32_t watched;
    // Whether the thread is to write before it waits. Its own.
    int writes_soon;
    // The caller and the library.
    int users;
    char *inbox;
    size_t inbox_length;
    void *context;
    void (*received)(void *, stagecoach_nats_message);
    void (*changed)(void *, int, const char *);
};

// Takes a message that is for the connection's own inbox, or that a consumer has delivered to it.
static void take(natsConnection *connection, natsMsg **message, void *closure) {
    (void)connection;
    struct stagecoach_nats *self = closure;
    natsMsg *taken = *message;
    const char *reply = library.natsMsg_GetReply(taken);
    // What a consumer delivers has the subject under which it is in the stream.
    if (strncmp(library.natsMsg_GetSubject(taken), self->inbox, self->inbox_length) != 0 &&
        (!reply || strncmp(reply, "$JS.ACK.", 8) != 0))
        return;
    *message = NULL;
    self->received(self->context, taken);
}

// With the lock.
static natsStatus watch(struct stagecoach_nats *self) {
    struct epoll_event event = {.events = (self->reads ? EPOLLIN | EPOLLRDHUP : 0u) | (self->writes ? EPOLLOUT : 0u)};
    if (self->socket < 0 || event.events == self->watched) return NATS_OK;
    event.data.fd = self->socket;
    if (!event.events) {
        epoll_ctl(self->set, EPOLL_CTL_DEL, self->socket, &event);
    } else if (epoll_ctl(self->set, EPOLL_CTL_MOD, self->socket, &event) < 0 &&
               epoll_ctl(self->set, EPOLL_CTL_ADD, self->socket, &event) < 0) {
        return NATS_SYS_ERROR;
    }
    self->watched = event.events;
    return NATS_OK;
}

// The library calls these with its lock on the connection, one after the other.
static natsStatus attach(void **user_data, void *loop, natsConnection *connection, natsSock socket) {
    struct stagecoach_nats *self = loop;
    *user_data = self;
    self->connection = connection;
    if (set_filter) set_filter(connection, take, self);
    pthread_mutex_lock(&self->lock);
    self->socket = socket;
    self->reads = 1;
    self->writes = 0;
    self->watched = 0;
    natsStatus status = watch(self);
    pthread_mutex_unlock(&self->lock);
    return status;
}

static natsStatus want_reads(void *user_data, bool add) {
    struct stagecoach_nats *self = user_data;
    pthread_mutex_lock(&self->lock);
    self->reads = add;
    natsStatus status = watch(self);
    pthread_mutex_unlock(&self->lock);
    return status;
}

static natsStatus want_writes(void *user_data, bool add) {
    struct stagecoach_nats *self = user_data;
    natsStatus status = NATS_OK;
    pthread_mutex_lock(&self->lock);
    self->writes = add;
    // Most often all of it can be written at once, when the thread has handed over what it has.
    if (add && pthread_equal(pthread_self(), self->thread)) {
        self->writes_soon = 1;
    } else {
        status = watch(self);
    }
    pthread_mutex_unlock(&self->lock);
    return status;
}

static natsStatus detach(void *user_data) {
    (void)user_data;
    return NATS_OK;
}

static void on_connected(natsConnection *connection, void *closure) {
    (void)connection;
    struct stagecoach_nats *self = closure;
    self->changed(self->context, stagecoach_nats_connected, NULL);
}

static void on_disconnected(natsConnection *connection, void *closure) {
    struct stagecoach_nats *self = closure;
    const char *text = NULL;
    library.natsConnection_GetLastError(connection, &text);
    self->changed(self->context, stagecoach_nats_disconnected, text);
}

static void leave(struct stagecoach_nats *self) {
    if (__atomic_sub_fetch(&self->users, 1, __ATOMIC_ACQ_REL) > 0) return;
    close(self->set);
    pthread_mutex_destroy(&self->lock);
    free(self->inbox);
    free(self);
}

static void on_closed(natsConnection *connection, void *closure) {
    struct stagecoach_nats *self = closure;
    const char *text = NULL;
    library.natsConnection_GetLastError(connection, &text);
    self->changed(self->context, stagecoach_nats_closed, text);
    leave(self);
}

// Without one the library prints to standard error.
static void on_error(natsConnection *connection, natsSubscription *subscription, natsStatus status, void *closure) {
    (void)connection, (void)subscription, (void)status, (void)closure;
}

static natsStatus configure(natsOptions *to, const struct stagecoach_nats_options *from, struct stagecoach_nats *self) {
    natsStatus status = library.natsOptions_SetServers(to, (const char **)from->servers, from->server_count);
#define THEN(call) \
    if (status == NATS_OK) status = library.call
    THEN(natsOptions_SetName(to, from->name));
    THEN(natsOptions_SetEventLoop(to, self, attach, want_reads, want_writes, detach));
    THEN(natsOptions_SetSendAsap(to, true));
    // One thread for the messages of all subscriptions. Without it, asking for them would do, but the library keeps the word
    // that nobody listens to itself then.
    THEN(natsOptions_UseGlobalMessageDelivery(to, true));
    THEN(natsOptions_SetTimeout(to, from->connect_milliseconds));
    THEN(natsOptions_SetPingInterval(to, from->ping_milliseconds));
    THEN(natsOptions_SetMaxPingsOut(to, from->pings_unanswered));
    // With an event loop of the caller's the library goes on reading a new connection as the rest of the message in which the one
    // before has ended (3.4 to 3.9). So one that is lost is closed, and the caller opens another.
    THEN(natsOptions_SetAllowReconnect(to, false));
    // Until there is a first one.
    THEN(natsOptions_SetMaxReconnect(to, -1));
    THEN(natsOptions_SetReconnectWait(to, from->reconnect_milliseconds));
    THEN(natsOptions_SetReconnectJitter(to, from->reconnect_jitter_milliseconds, from->reconnect_jitter_milliseconds));
    // What is published while it is away fails, instead of arriving when nobody waits for it any more.
    THEN(natsOptions_SetReconnectBufSize(to, 0));
    THEN(natsOptions_SetRetryOnFailedConnect(to, true, on_connected, self));
    THEN(natsOptions_SetDisconnectedCB(to, on_disconnected, self));
    THEN(natsOptions_SetClosedCB(to, on_closed, self));
    THEN(natsOptions_SetErrorHandler(to, on_error, self));
    if (from->secure) THEN(natsOptions_SetSecure(to, true));
    if (from->authority) THEN(natsOptions_LoadCATrustedCertificates(to, from->authority));
    if (from->certificate) THEN(natsOptions_LoadCertificatesChain(to, from->certificate, from->key));
    if (from->credentials) THEN(natsOptions_SetUserCredentialsFromFiles(to, from->credentials, NULL));
#undef THEN
    return status;
}

struct stagecoach_nats *stagecoach_nats_open(const struct stagecoach_nats_options *options, int *is_connected, char *problem,
                                             size_t problem_size) {
    struct stagecoach_nats *self = calloc(1, sizeof *self);
    natsOptions *settings = NULL;
    natsStatus status = NATS_NO_MEMORY;
    if (!self) goto failed;
    *self = (struct stagecoach_nats){.set = -1,
                                     .bell = options->bell,
                                     .socket = -1,
                                     .users = 2,
                                     .thread = pthread_self(),
                                     .inbox = strdup(options->inbox),
                                     .context = options->context,
                                     .received = options->received,
                                     .changed = options->changed};
    if (!self->inbox) goto failed;
    self->inbox_length = strlen(self->inbox);
    pthread_mutex_init(&self->lock, NULL);
    self->set = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = -1};
    status = NATS_SYS_ERROR;
    if (self->set < 0 || epoll_ctl(self->set, EPOLL_CTL_ADD, self->bell, &event) < 0) goto failed;
    status = library.natsOptions_Create(&settings);
    if (status == NATS_OK) status = configure(settings, options, self);
    if (status == NATS_OK) status = library.natsConnection_Connect(&self->connection, settings);
    if (status != NATS_OK && status != NATS_NOT_YET_CONNECTED) goto failed;
    *is_connected = status == NATS_OK;
    library.natsOptions_Destroy(settings);
    return self;

failed:;
    natsStatus last = status;
    const char *text = settings ? library.nats_GetLastError(&last) : NULL;
    snprintf(problem, problem_size, "%s", text && *text ? text : library.natsStatus_GetText(status));
    if (settings) library.natsOptions_Destroy(settings);
    if (self) {
        if (self->set >= 0) close(self->set);
        free(self->inbox);
        free(self);
    }
    return NULL;
}

void stagecoach_nats_close(struct stagecoach_nats *self) {
    library.natsConnection_Close(self->connection);
    library.natsConnection_Destroy(self->connection);
    leave(self);
}

void stagecoach_nats_work_here(struct stagecoach_nats *self) {
    pthread_mutex_lock(&self->lock);
    self->thread = pthread_self();
    pthread_mutex_unlock(&self->lock);
}

int stagecoach_nats_descriptor(struct stagecoach_nats *self) {
    return self->set;
}

int stagecoach_nats_bell(void) {
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void stagecoach_nats_ring(int bell) {
    eventfd_write(bell, 1);
}

void stagecoach_nats_write(struct stagecoach_nats *self) {
    if (!self->writes_soon) return;
    self->writes_soon = 0;
    if (library.natsConnection_Buffered(self->connection) > 0) library.natsConnection_ProcessWriteEvent(self->connection);
    pthread_mutex_lock(&self->lock);
    // The library stops reads before it closes the socket.
    if (self->reads) watch(self);
    pthread_mutex_unlock(&self->lock);
}

void stagecoach_nats_wait(struct stagecoach_nats *self, int milliseconds) {
    stagecoach_nats_write(self);
    struct epoll_event events[2];
    int count = epoll_wait(self->set, events, 2, milliseconds);
    for (int i = 0; i < count; i++) {
        if (events[i].data.fd < 0) {
            eventfd_t rings;
            eventfd_read(self->bell, &rings);
            continue;
        }
        // An end or an error is found by reading. The library asks itself whether the socket is still there.
        if (events[i].events & ~(uint32_t)EPOLLOUT) library.natsConnection_ProcessReadEvent(self->connection);
        if (events[i].events & EPOLLOUT) library.natsConnection_ProcessWriteEvent(self->connection);
    }
}

void stagecoach_nats_rest(struct stagecoach_nats *self, int milliseconds) {
    stagecoach_nats_write(self);
    struct pollfd bell = {.fd = self->bell, .events = POLLIN};
    poll(&bell, 1, milliseconds);
}

int stagecoach_nats_unwritten(struct stagecoach_nats *self) {
    return library.natsConnection_Buffered(self->connection);
}

long long stagecoach_nats_max_payload(struct stagecoach_nats *self) {
    return library.natsConnection_GetMaxPayload(self->connection);
}

int stagecoach_nats_publish(struct stagecoach_nats *self, const char *subject, const char *reply, const char *headers,
                            int header_count, const void *data, int length) {
    if (header_count == 0) {
        return reply ? library.natsConnection_PublishRequest(self->connection, subject, reply, data, length)
                     : library.natsConnection_Publish(self->connection, subject, data, length);
    }
    natsMsg *message = NULL;
    natsStatus status = library.natsMsg_Create(&message, subject, reply, data, length);
    for (int i = 0; i < header_count && status == NATS_OK; i++) {
        const char *value = headers + strlen(headers) + 1;
        status = library.natsMsgHeader_Set(message, headers, value);
        headers = value + strlen(value) + 1;
    }
    if (status == NATS_OK) status = library.natsConnection_PublishMsg(self->connection, message);
    if (message) stagecoach_nats_free(message);
    return status;
}

int stagecoach_nats_publish_once(struct stagecoach_nats *self, const char *subject, unsigned long long token, const char *id,
                                 const void *data, int length) {
    char reply[128], digits[20];
    size_t begin = self->inbox_length, count = 0;
    if (begin + sizeof digits >= sizeof reply) return NATS_INVALID_ARG;
    do digits[count++] = (char)('0' + token % 10);
    while (token /= 10);
    memcpy(reply, self->inbox, begin);
    while (count) reply[begin++] = digits[--count];
    reply[begin] = 0;
    natsMsg *message = NULL;
    natsStatus status = library.natsMsg_Create(&message, subject, reply, data, length);
    if (status == NATS_OK) status = library.natsMsgHeader_Set(message, "Nats-Msg-Id", id);
    if (status == NATS_OK) status = library.natsConnection_PublishMsg(self->connection, message);
    if (message) stagecoach_nats_free(message);
    return status;
}

int stagecoach_nats_is_away(int status) {
    return status == NATS_INSUFFICIENT_BUFFER || status == NATS_CONNECTION_DISCONNECTED || status == NATS_NOT_YET_CONNECTED;
}

const char *stagecoach_nats_status(int status) {
    return library.natsStatus_GetText(status);
}

struct heard {
    void *context;
    void (*received)(void *, stagecoach_nats_message);
    void (*ended)(void *);
};

static void on_message(natsConnection *connection, natsSubscription *subscription, natsMsg *message, void *closure) {
    (void)connection, (void)subscription;
    struct heard *heard = closure;
    heard->received(heard->context, message);
}

static void on_complete(void *closure) {
    struct heard *heard = closure;
    heard->ended(heard->context);
    free(heard);
}

stagecoach_nats_subscription stagecoach_nats_subscribe(struct stagecoach_nats *self, const char *subject, const char *group,
                                                       void *context, void (*received)(void *, stagecoach_nats_message),
                                                       void (*ended)(void *)) {
    natsSubscription *subscription = NULL;
    struct heard *heard = malloc(sizeof *heard);
    if (!heard) return NULL;
    *heard = (struct heard){context, received, ended};
    natsStatus status =
        group ? library.natsConnection_QueueSubscribe(&subscription, self->connection, subject, group, on_message, heard)
              : library.natsConnection_Subscribe(&subscription, self->connection, subject, on_message, heard);
    if (status != NATS_OK) {
        free(heard);
        return NULL;
    }
    library.natsSubscription_SetOnCompleteCB(subscription, on_complete, heard);
    // They are taken at once, and the caller bounds what it asks for.
    library.natsSubscription_SetPendingLimits(subscription, -1, -1);
    return subscription;
}

void stagecoach_nats_unsubscribe(stagecoach_nats_subscription subscription) {
    library.natsSubscription_Unsubscribe(subscription);
    library.natsSubscription_Destroy(subscription);
}

const char *stagecoach_nats_subject(stagecoach_nats_message message) {
    return library.natsMsg_GetSubject(message);
}

const char *stagecoach_nats_reply(stagecoach_nats_message message) {
    return library.natsMsg_GetReply(message);
}

const void *stagecoach_nats_data(stagecoach_nats_message message, int *length) {
    *length = library.natsMsg_GetDataLength(message);
    return library.natsMsg_GetData(message);
}

const char *stagecoach_nats_header(stagecoach_nats_message message, const char *name) {
    const char *value = NULL;
    return library.natsMsgHeader_Get(message, name, &value) == NATS_OK ? value : NULL;
}

void stagecoach_nats_free(stagecoach_nats_message message) {
    if (free_message) return free_message(message);
    library.natsMsg_Destroy(message);
}
