import Glibc
package import Pipeline

/// What NATS keeps: streams, and the consumers that read them. Its interface is requests with JSON.
package struct JetStream: Sendable {
    package let connection: NATSConnection

    package init(_ connection: NATSConnection) {
        self.connection = connection
    }

    /// Error codes of JetStream's own.
    package enum Code {
        package static let noSuitablePeers = 10_005
        package static let consumerNotFound = 10_014
        package static let resourcesExceeded = 10_023
        package static let storageExceeded = 10_047
        package static let streamNotFound = 10_059
        package static let wrongLastSequence = 10_071
        package static let replicasNotSupported = 10_074
        package static let streamStoreFailed = 10_077
        package static let messageNotFound = 10_037
        package static let notUnique = 10_100
        package static let duplicateInProcess = 10_158
    }

    /// Calls the interface: `STREAM.INFO.orders`.
    ///
    /// - Throws: Where there is no answer, or JetStream refuses.
    package func call(
        _ function: String, _ body: [UInt8] = [], timeout: Duration = .seconds(5)
    ) async throws(NATSError) -> [String: JSONValue] {
        try JetStream.members(of: await connection.request(body, to: "$JS.API.\(function)", timeout: timeout))
    }

    /// The answer's object.
    ///
    /// - Throws: The error that it is.
    package static func members(of message: NATSMessage) throws(NATSError) -> [String: JSONValue] {
        if message.status == 503 { throw .noResponders }
        let value = message.withPayload { try? JSONReader.value(of: $0, deepest: JSONReader.deepest) }
        guard case .object(let members) = value else { throw .library("JetStream's answer is no JSON object") }
        if case .object(let error) = members["error"] {
            throw .api(
                code: error["err_code"]?.whole ?? 0, status: error["code"]?.whole ?? 0,
                description: error["description"]?.string ?? "")
        }
        return members
    }

    /// A stream; `nil` where there is none.
    ///
    /// - Parameter filter: The subjects whose messages are counted each.
    package func stream(
        _ name: String, counting filter: String? = nil, timeout: Duration = .seconds(5)
    ) async throws(NATSError) -> StreamInfo? {
        var body: [UInt8] = []
        if let filter {
            var text = JSONText()
            text.add("subjects_filter", filter)
            body = text.finishedBytes
        }
        do {
            return StreamInfo(try await call("STREAM.INFO.\(name)", body, timeout: timeout))
        } catch {
            if case .api(Code.streamNotFound, _, _) = error { return nil }
            throw error
        }
    }

    /// Makes a stream; one that is there with the same settings is as good.
    @discardableResult
    package func create(
        _ stream: StreamConfiguration, timeout: Duration = .seconds(5)
    ) async throws(NATSError) -> StreamInfo {
        StreamInfo(try await call("STREAM.CREATE.\(stream.name)", stream.json, timeout: timeout))
    }

    /// Changes some of a stream's settings; the others stay as they are, whoever has made them.
    ///
    /// - Parameters:
    ///   - name: The stream.
    ///   - changes: The settings, by the names that JetStream has for them.
    package func change(_ name: String, _ changes: [String: JSONValue]) async throws(NATSError) {
        guard case .object(let former) = try await call("STREAM.INFO.\(name)")["config"] else { return }
        var text = JSONText()
        for (key, value) in former.merging(changes, uniquingKeysWith: { $1 }) { text.add(key, value) }
        _ = try await call("STREAM.UPDATE.\(name)", text.finishedBytes)
    }

    /// Makes a consumer whose messages are pulled.
    ///
    /// - Returns: How many messages wait for it.
    package func create(_ consumer: ConsumerConfiguration, of stream: String) async throws(NATSError) -> Int {
        var body = JSONText()
        body.add("stream_name", stream)
        body.add("config", raw: String(decoding: consumer.json, as: UTF8.self))
        let made = try await call("CONSUMER.DURABLE.CREATE.\(stream).\(consumer.name)", body.finishedBytes)
        return max(0, made["num_pending"]?.whole ?? 0)
    }

    /// Removes a consumer; one that is not there is as good.
    package func delete(consumer: String, of stream: String, timeout: Duration = .seconds(5)) async throws(NATSError) {
        do {
            _ = try await call("CONSUMER.DELETE.\(stream).\(consumer)", timeout: timeout)
        } catch {
            if case .api(Code.consumerNotFound, _, _) = error { return }
            throw error
        }
    }

    /// The names of a stream's consumers.
    package func consumers(of stream: String) async throws(NATSError) -> Set<String> {
        var names: Set<String> = []
        var seen = 0
        // An answer has 1,024 of them at most.
        while true {
            var body = JSONText()
            body.add("offset", .int(seen))
            let answer = try await call("CONSUMER.NAMES.\(stream)", body.finishedBytes)
            guard case .array(let page) = answer["consumers"] ?? .array([]) else { return names }
            names.formUnion(page.compactMap(\.string))
            seen += page.count
            if page.isEmpty || seen >= answer["total"]?.whole ?? 0 { return names }
        }
    }

    /// The first message of a subject, wildcards included, from a number on; `nil` where there is none.
    package func next(
        of subject: String, from sequence: UInt64 = 1, in stream: String
    ) async throws(NATSError) -> StoredMessage? {
        var body = JSONText()
        body.add("seq", .int(Int(clamping: sequence)))
        body.add("next_by_subj", subject)
        return try await message(body, in: stream)
    }

    /// The last message of a subject; `nil` where there is none.
    package func last(of subject: String, in stream: String) async throws(NATSError) -> StoredMessage? {
        var body = JSONText()
        body.add("last_by_subj", subject)
        return try await message(body, in: stream)
    }

    /// Of a stream that allows direct access.
    private func message(_ body: JSONText, in stream: String) async throws(NATSError) -> StoredMessage? {
        let message = try await connection.request(body.finishedBytes, to: "$JS.API.DIRECT.GET.\(stream)")
        if message.status == 404 { return nil }
        return StoredMessage(message)
    }

    /// Adds a message to the stream that takes its subject.
    ///
    /// - Parameters:
    ///   - id: A second message with the same one is taken for the first.
    ///   - expectedLast: The number that the subject's last message must have; 0 where it must have none.
    /// - Throws: Also where it may have been added, as the answer is missing: try again with the same id.
    package func publish(
        _ payload: [UInt8], to subject: String, id: String? = nil, expectedLast: UInt64? = nil,
        headers: [NATSHeader] = [], timeout: Duration = .seconds(5)
    ) async throws(NATSError) -> PublishAcknowledgement {
        var headers = headers
        if let id { headers.append(("Nats-Msg-Id", id)) }
        if let expectedLast { headers.append(("Nats-Expected-Last-Subject-Sequence", String(expectedLast))) }
        let message = try await connection.request(payload, to: subject, headers: headers, timeout: timeout)
        return try PublishAcknowledgement(of: message)
    }

    /// The same, without heeding that the task is cancelled: whoever waits does so until the stream answers, or for five
    /// seconds. It costs less, and still less on the thread of an event loop that works for others.
    package func publishUncancelled(
        _ payload: [UInt8], to subject: String, id: String
    ) async -> Result<PublishAcknowledgement, NATSError> {
        await withUnsafeContinuation {
            (continuation: UnsafeContinuation<Result<PublishAcknowledgement, NATSError>, Never>) in
            let publisher = connection.publisher()
            if let publisher, publisher.isReady {
                return publisher.publish(payload, to: subject, id: id, for: continuation)
            }
            publisher?.publishesBeside()
            do throws(NATSError) {
                _ = try connection.ask(payload, to: subject, headers: [("Nats-Msg-Id", id)]) { answer in
                    publisher?.hasPublishedBeside()
                    continuation.resume(
                        returning: answer.flatMap { message in
                            do throws(NATSError) {
                                return .success(try PublishAcknowledgement(of: message))
                            } catch {
                                return .failure(error)
                            }
                        })
                }
            } catch {
                publisher?.hasPublishedBeside()
                continuation.resume(returning: .failure(error))
            }
        }
    }
}

/// What a stream says when it has a message.
package struct PublishAcknowledgement: Sendable, Equatable {
    /// The stream.
    package let stream: String
    /// The message's number in it.
    package let sequence: UInt64
    /// Whether it was there already.
    package let isDuplicate: Bool

    /// - Throws: The error that the answer is. A message whose first copy the servers have not agreed on is not in the stream:
    ///   NATS 2.11 says so with an error, NATS 2.10 with a duplicate whose number is 0.
    init(of message: NATSMessage) throws(NATSError) {
        if let plain = message.withPayload(PublishAcknowledgement.init(plain:)) {
            self = plain
        } else {
            self.init(try JetStream.members(of: message))
        }
        if isDuplicate && sequence == 0 {
            throw .api(
                code: JetStream.Code.duplicateInProcess, status: 409, description: "duplicate message id is in process")
        }
    }

    private init(_ members: [String: JSONValue]) {
        stream = members["stream"]?.string ?? ""
        sequence = UInt64(clamping: members["seq"]?.whole ?? 0)
        isDuplicate = members["duplicate"] == .bool(true)
    }

    /// What most of them are, `{"stream":"NAME", "seq":NUMBER}` with the server's blank or without, without reading JSON; `nil` for
    /// any other.
    init?(plain text: UnsafeRawBufferPointer) {
        guard PublishAcknowledgement.says("{\"stream\":\"", in: text, at: 0) else { return nil }
        let begin = 11
        guard let end = text[begin...].firstIndex(where: { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") })
        else { return nil }
        var index = end + 2
        if index < text.count, text[index] == UInt8(ascii: " ") { index += 1 }
        guard PublishAcknowledgement.says("\",", in: text, at: end),
            PublishAcknowledgement.says("\"seq\":", in: text, at: index)
        else { return nil }
        index += 6
        var value: UInt64 = 0
        let first = index
        while index < text.count, case let digit = text[index] &- UInt8(ascii: "0"), digit < 10 {
            value = value &* 10 &+ UInt64(digit)
            index += 1
        }
        guard index > first, index == text.count - 1, text[index] == UInt8(ascii: "}") else { return nil }
        stream = String(decoding: text[begin..<end], as: UTF8.self)
        sequence = value
        isDuplicate = false
    }

    private static func says(_ word: StaticString, in text: UnsafeRawBufferPointer, at place: Int) -> Bool {
        let length = word.utf8CodeUnitCount
        guard let begin = text.baseAddress, place + length <= text.count else { return false }
        return memcmp(begin + place, word.utf8Start, length) == 0
    }
}

/// A message as a stream keeps it.
package struct StoredMessage: Sendable {
    /// Its number.
    package let sequence: UInt64
    /// Its subject.
    package let subject: String
    /// When the stream took it, as RFC 3339 has it.
    package let time: String
    /// The message, with its own headers and those of the stream.
    package let message: NATSMessage

    /// What it holds.
    package var payload: [UInt8] { message.payload }

    init?(_ message: NATSMessage) {
        guard let sequence = message.header("Nats-Sequence").flatMap({ UInt64($0) }),
            let subject = message.header("Nats-Subject")
        else { return nil }
        (self.sequence, self.subject, self.message) = (sequence, subject, message)
        time = message.header("Nats-Time-Stamp") ?? ""
    }
}

extension JSONValue {
    /// The text; `nil` for anything else.
    var string: String? { if case .string(let text) = self { text } else { nil } }
}
