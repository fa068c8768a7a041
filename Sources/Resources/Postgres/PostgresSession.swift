import CPostgres
import Glibc
import Pipeline

/// One connection, used by one thread, which waits in `poll(2)` and never past a deadline: libpq's own calls that wait
/// can't be given one, and a server that accepts and never answers would hold them for ever.
///
/// One wait is libpq's own: it asks for the host's address with the system's resolver, which has its own time limit.
final class PostgresSession {
    /// How long making a connection may take.
    static let connectPatience: Duration = .seconds(2)

    private let connection: OpaquePointer
    private let address: PostgresAddress

    /// How long a statement may take.
    var patience: Duration

    /// Whether what is under way is given up, looked at several times a second while nothing comes.
    private let isGivenUp: () -> Bool
    /// How often it is looked at: what a stop may take longer because of it.
    private static let look: Duration = .milliseconds(20)

    /// Connects.
    ///
    /// - Parameter isGivenUp: Whether what is under way has become pointless.
    /// - Throws: ``PostgresFailure`` of the kind `refused` or `timeout`.
    init(
        _ address: PostgresAddress, patience: Duration, isGivenUp: @escaping () -> Bool = { false }
    ) throws(PostgresFailure) {
        guard let text = address.text else { throw PostgresFailure(kind: .refused, detail: address.problem) }
        // What comes after dbname wins over the same words in it.
        let pairs = [
            ("dbname", text), ("client_encoding", "UTF8"), ("fallback_application_name", "stagecoach"),
        ]
        let pointers = pairs.map { (strdup($0.0), strdup($0.1)) }
        defer { for (key, value) in pointers { free(key); free(value) } }
        let keys = pointers.map { UnsafePointer($0.0) } + [nil]
        let values = pointers.map { UnsafePointer($0.1) } + [nil]
        guard let connection = PQconnectStartParams(keys, values, 1) else {
            throw PostgresFailure(kind: .refused, detail: "there is no memory for a connection")
        }
        self.connection = connection
        self.address = address
        self.patience = patience
        self.isGivenUp = isGivenUp
        PQsetNoticeReceiver(connection, { _, _ in }, nil)
        try finishConnecting()
        // Of columns without a time zone the server takes the session's for theirs.
        _ = try run("SET timezone TO 'UTC'")
    }

    deinit { PQfinish(connection) }

    /// Whether nothing is under way, in particular no transaction that failed.
    var isIdle: Bool { PQtransactionStatus(connection) == PQTRANS_IDLE }

    /// Runs one statement with its parameters as text.
    func run(_ sql: String, _ parameters: [[UInt8]?] = []) throws(PostgresFailure) -> PostgresResult {
        let deadline = ContinuousClock.now + patience
        let texts = parameters.map { $0.map { copiedText($0) } }
        defer { for text in texts { text?.deallocate() } }
        let pointers = texts.map { $0.map { UnsafePointer($0) } }
        let isSent = PQsendQueryParams(connection, sql, Int32(pointers.count), nil, pointers, nil, nil, 0)
        guard isSent == 1 else { throw failure(.lost) }
        try flush(by: deadline)
        return try result(by: deadline)
    }

    /// Runs `COPY … FROM STDIN` with the pieces of its input, until there are no more.
    func copy(_ sql: String, _ next: () -> [UInt8]?) throws(PostgresFailure) {
        let deadline = ContinuousClock.now + patience
        guard PQsendQuery(connection, sql) == 1 else { throw failure(.lost) }
        try flush(by: deadline)
        var none: OpaquePointer?
        guard let first = try self.next(by: deadline, clearing: &none) else { throw failure(.lost) }
        let error = PQresultStatus(first) == PGRES_COPY_IN ? nil : failure(of: first)
        PQclear(first)
        if let error {
            while let more = try self.next(by: deadline, clearing: &none) { PQclear(more) }
            throw error
        }
        while let piece = next() {
            try put(by: deadline) {
                piece.withUnsafeBytes { bytes in
                    PQputCopyData(connection, bytes.bindMemory(to: CChar.self).baseAddress, Int32(bytes.count))
                }
            }
        }
        try put(by: deadline) { PQputCopyEnd(connection, nil) }
        try flush(by: deadline)
        _ = try result(by: deadline)
    }

    /// Waits for as long as libpq's buffer is full.
    private func put(by deadline: ContinuousClock.Instant, _ body: () -> Int32) throws(PostgresFailure) {
        while true {
            switch body() {
            case 1: return
            case 0: try flush(by: deadline)
            default: throw failure(.lost)
            }
        }
    }

    /// Runs a script of several statements.
    func run(script: String) throws(PostgresFailure) {
        let deadline = ContinuousClock.now + patience
        guard PQsendQuery(connection, script) == 1 else { throw failure(.lost) }
        try flush(by: deadline)
        _ = try result(by: deadline)
    }

    private func finishConnecting() throws(PostgresFailure) {
        let deadline = ContinuousClock.now + PostgresSession.connectPatience
        var wanted = PGRES_POLLING_WRITING
        while true {
            guard PQstatus(connection) != CONNECTION_BAD else { throw failure(.refused) }
            switch wanted {
            case PGRES_POLLING_OK:
                guard PQsetnonblocking(connection, 1) == 0 else { throw failure(.refused) }
                return
            case PGRES_POLLING_READING: _ = try wait(for: POLLIN, by: deadline)
            case PGRES_POLLING_WRITING: _ = try wait(for: POLLOUT, by: deadline)
            default: throw failure(.refused)
            }
            wanted = PQconnectPoll(connection)
        }
    }

    private func flush(by deadline: ContinuousClock.Instant) throws(PostgresFailure) {
        while true {
            // Where sending fails, what the server said before it hung up is worth more than that.
            guard PQflush(connection) > 0 else { return }
            // The server may stop reading until what it has to say is read.
            let ready = try wait(for: POLLIN | POLLOUT, by: deadline)
            if ready & POLLIN != 0, PQconsumeInput(connection) == 0 { return }
        }
    }

    /// Takes the answer: the last result, or the first error.
    private func result(by deadline: ContinuousClock.Instant) throws(PostgresFailure) -> PostgresResult {
        var last: OpaquePointer?
        var error: PostgresFailure?
        while let pointer = try next(by: deadline, clearing: &last) {
            switch PQresultStatus(pointer) {
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
                PQclear(last)
                last = pointer
            default:
                error = error ?? failure(of: pointer)
                PQclear(pointer)
            }
        }
        if let error {
            PQclear(last)
            throw error
        }
        guard let last else { throw failure(.lost) }
        return PostgresResult(owning: last)
    }

    private func next(
        by deadline: ContinuousClock.Instant, clearing last: inout OpaquePointer?
    ) throws(PostgresFailure) -> OpaquePointer? {
        while PQisBusy(connection) == 1 {
            do {
                _ = try wait(for: POLLIN, by: deadline)
            } catch {
                PQclear(last)
                last = nil
                throw error
            }
            // A broken connection shows as the next result.
            if PQconsumeInput(connection) == 0 { break }
        }
        return PQgetResult(connection)
    }

    /// Waits until the socket is ready.
    private func wait(for events: Int32, by deadline: ContinuousClock.Instant) throws(PostgresFailure) -> Int32 {
        while true {
            let left = deadline - .now
            guard left > .zero, !isGivenUp() else {
                throw PostgresFailure(kind: .timeout, detail: "the server did not answer in time")
            }
            // One that is made anew for another of several hosts has another descriptor.
            var descriptor = pollfd(fd: PQsocket(connection), events: Int16(events), revents: 0)
            guard descriptor.fd >= 0 else { throw failure(.lost) }
            let milliseconds = min(left, PostgresSession.look) / .milliseconds(1)
            let count = poll(&descriptor, 1, Int32(max(1, milliseconds.rounded(.up))))
            if count > 0 { return Int32(descriptor.revents) }
            if count < 0, errno != EINTR { throw failure(.lost) }
        }
    }

    private func failure(of result: OpaquePointer) -> PostgresFailure {
        guard PQstatus(connection) != CONNECTION_BAD else {
            return failure(.lost, PQresultErrorMessage(result).map { String(cString: $0) })
        }
        let state = PQresultErrorField(result, Int32(UInt8(ascii: "C"))).map { String(cString: $0) }
        // The server's detail and context hold values of the row; the primary message is enough.
        let text = PQresultErrorField(result, Int32(UInt8(ascii: "M"))).map { String(cString: $0) }
        guard let state else { return failure(.lost, PQresultErrorMessage(result).map { String(cString: $0) }) }
        return PostgresFailure(kind: .statement(state), detail: address.redacted("\(text ?? "error") (\(state))"))
    }

    private func failure(_ kind: PostgresFailure.Kind, _ text: String? = nil) -> PostgresFailure {
        let said = text ?? PQerrorMessage(connection).map { String(cString: $0) } ?? ""
        let line = address.redacted(said)
        return PostgresFailure(kind: kind, detail: line.isEmpty ? "the connection was lost" : line)
    }
}

/// A zero-terminated copy: libpq takes parameters so, and copies them into its own buffer.
private func copiedText(_ bytes: [UInt8]) -> UnsafeMutablePointer<CChar> {
    let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count + 1)
    for index in bytes.indices { copy[index] = CChar(bitPattern: bytes[index]) }
    copy[bytes.count] = 0
    return copy
}
