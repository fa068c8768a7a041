package import Pipeline

/// What the host says to a client: text that is ready but for its number in the connection's sequence.
package struct ServerFrame {
    /// What a frame says.
    package enum Kind: Equatable, Sendable {
        case session
        case delta
        case response
        case error(PipelineError.Code)
    }

    package let kind: Kind
    /// Whether the answer goes on after it.
    var isPiece: Bool { if case .delta = kind { true } else { false } }
    /// How many seconds a client should wait before another try.
    private(set) var retryAfter: Int64?
    private let content: Content

    private enum Content {
        /// What is not numbered.
        case text(String)
        /// An object without its end, to which the number is added.
        case object([UInt8])
    }

    /// The greeting; `nil` where the format has none.
    ///
    /// - Parameter isResumed: Whether the frames after those that the client has seen follow.
    static func session(id: String, isResumed: Bool = false, in format: Message.Format) -> ServerFrame? {
        guard case .json = format else { return nil }
        var object = JSONText(type: "session")
        object.add("session_id", id)
        if isResumed { object.add("resumed", raw: "true") }
        return ServerFrame(.session, object)
    }

    /// A message's answer.
    package static func response(to message: Message, in format: Message.Format) -> ServerFrame {
        let answer = message.completion?.text ?? ""
        guard case .json = format else { return ServerFrame(.response, .text(answer)) }
        var object = JSONText(type: "response")
        if let id = message.clientID { object.add("id", id) }
        object.add("message_id", message.id.description)
        object.add("session_id", message.session.id)
        object.add("response", answer)
        object.add("tokens_used", raw: message.completion?.tokensUsed.map(String.init) ?? "null")
        if let reason = message.completion?.finishReason { object.add("finish_reason", reason) }
        return ServerFrame(.response, object)
    }

    /// A piece of an answer that is still to come.
    static func delta(_ text: String, of message: Message) -> ServerFrame {
        var object = JSONText(type: "delta")
        if let id = message.clientID { object.add("id", id) }
        object.add("text", text)
        return ServerFrame(.delta, object)
    }

    /// What became of a message that has no answer.
    static func error(_ error: PipelineError, clientID: String?, in format: Message.Format) -> ServerFrame {
        guard case .json = format else {
            return ServerFrame(.error(error.code), .text(error.message))
        }
        var object = JSONText(type: "error")
        if let clientID { object.add("id", clientID) }
        var content = JSONText()
        content.add("code", error.code.rawValue)
        content.add("message", error.message)
        if let stage = error.stage { content.add("stage", stage) }
        content.add("retryable", raw: error.isRetryable ? "true" : "false")
        if let wait = error.retryAfter { content.add("retry_after", raw: String(wait.wholeSeconds)) }
        object.add("error", raw: content.finished)
        var frame = ServerFrame(.error(error.code), object)
        frame.retryAfter = error.retryAfter?.wholeSeconds
        return frame
    }

    private init(_ kind: Kind, _ object: JSONText) {
        var bytes = object.unfinishedBytes
        // As large as it is and no larger: what ends a message may be remembered for long.
        if kind != .delta { bytes = bytes.withUnsafeBufferPointer { Array($0) } }
        self.init(kind, .object(bytes))
    }

    private init(_ kind: Kind, _ content: Content) {
        self.kind = kind
        self.content = content
    }

    /// What it says to an entry stage that translates it: a frame of JSON that ends a message.
    var answer: EntryRequest.Answer {
        guard case .object(let members)? = JSONValue(json: text(sequence: 0)) else {
            return .answer("", tokensUsed: nil)
        }
        if case .error(let code) = kind {
            guard case .object(let error)? = members["error"] else { return .failure(code: code.rawValue, message: "") }
            return .failure(code: code.rawValue, message: error["message"]?.text ?? "")
        }
        var tokens: Int?
        if case .int(let number)? = members["tokens_used"] { tokens = number }
        return .answer(members["response"]?.text ?? "", tokensUsed: tokens)
    }

    /// The id that the client has given the message, as the frame says it.
    var clientID: String? {
        if case .text = content { return nil }
        return ClientFrame.id(of: text(sequence: 0))
    }

    /// About how many bytes it has.
    var size: Int {
        switch content {
        case .text(let text): text.utf8.count
        case .object(let bytes): bytes.count
        }
    }

    /// As another host is told it, which gives it its number.
    var shared: JSONValue {
        let kind =
            switch kind {
            case .session: "session"
            case .delta: "delta"
            case .response: "response"
            case .error(let code): "error \(code.rawValue)"
            }
        var members: [String: JSONValue] = ["kind": .string(kind)]
        switch content {
        case .text(let text): (members["text"], members["plain"]) = (.string(text), .bool(true))
        case .object(let bytes): members["text"] = .string(String(decoding: bytes, as: UTF8.self))
        }
        if let retryAfter { members["retry_after"] = .int(Int(retryAfter)) }
        return .object(members)
    }

    /// A frame that another host has told; `nil` for anything else.
    init?(shared value: JSONValue?) {
        guard let members = value?.members, let text = members["text"]?.text else { return nil }
        let kind: Kind
        switch members["kind"]?.text {
        case "session": kind = .session
        case "delta": kind = .delta
        case "response": kind = .response
        case let word? where word.hasPrefix("error "): kind = .error(PipelineError.Code(String(word.dropFirst(6))))
        default: return nil
        }
        self.init(kind, members["plain"] == nil ? .object(Array(text.utf8)) : .text(text))
        retryAfter = members["retry_after"]?.whole.map(Int64.init)
    }

    /// The whole text, as the frame with this number.
    package func text(sequence: Int) -> String {
        switch content {
        case .text(let text): text
        case .object(let bytes): String(bytes, sequence: sequence)
        }
    }
}

extension String {
    /// An object with its number as the last member, made in one piece: of each word and each answer.
    fileprivate init(_ object: [UInt8], sequence: Int) {
        var number = String(sequence)
        let name = #","seq":"# as StaticString
        let start = object.count + name.utf8CodeUnitCount
        self = number.withUTF8 { number in
            String(unsafeUninitializedCapacity: start + number.count + 1) { text in
                let bytes = UnsafeMutableRawBufferPointer(text)
                bytes.copyBytes(from: object)
                name.withUTF8Buffer {
                    UnsafeMutableRawBufferPointer(rebasing: bytes[object.count...]).copyBytes(from: $0)
                }
                UnsafeMutableRawBufferPointer(rebasing: bytes[start...]).copyBytes(from: number)
                bytes[start + number.count] = UInt8(ascii: "}")
                return start + number.count + 1
            }
        }
    }
}

extension Duration {
    /// The whole seconds, rounded up.
    fileprivate var wholeSeconds: Int64 { components.seconds + (components.attoseconds > 0 ? 1 : 0) }
}
