import Pipeline

/// What all hosts know of a session.
struct SessionRecord: Sendable {
    /// The host that has it; empty where it was left by one that has stopped.
    var host: String
    /// Where what is kept of the session may be, the last first to be asked: hosts that had it, or were about to, and an empty
    /// name for what was left at NATS. Empty once ``host`` has it all.
    var former: [String] = []
    /// Whose it is.
    var userID: String?
    /// The number of the last frame, as far as it was noted.
    var sequence = 0
    /// Messages without an answer, by the clients' ids; `nil` for one without.
    var open: [String?] = []
    /// Whether its client gets texts without numbers.
    var isText = false
    /// What a host of a version before has left.
    var parked: HandedSession?
    /// The revision of what a host that has stopped has left beside the records; `nil` for nothing.
    var left: UInt64?
    /// Until when that may be taken.
    var expires: Timestamp?

    /// How many messages are noted, and how long their ids may be: a client may send any number of any length.
    static let maxOpen = 128
    static let maxID = 512
    /// How many hosts are noted that may have it.
    static let maxFormer = 8

    var bytes: [UInt8] {
        var object = JSONText()
        object.add("host", host)
        if let userID { object.add("user", userID) }
        object.add("sequence", raw: String(sequence))
        if !former.isEmpty { object.add("former", .array(former.map(JSONValue.string))) }
        if let left { object.add("left", raw: String(left)) }
        if !open.isEmpty { object.add("open", .array(open.prefix(Self.maxOpen).map { JSONValue(Self.short($0)) })) }
        if isText { object.add("text", raw: "true") }
        if let parked { object.add("parked", parked.json) }
        if let expires { object.add("expires", raw: String(expires.microseconds)) }
        return object.finishedBytes
    }

    init(host: String, userID: String?) {
        (self.host, self.userID) = (host, userID)
    }

    /// `nil` for anything else.
    init?(_ bytes: [UInt8]) {
        guard case .object(let members)? = JSONValue(json: String(decoding: bytes, as: UTF8.self)),
            let host = members["host"]?.text
        else { return nil }
        self.init(host: host, userID: members["user"]?.text)
        sequence = members["sequence"]?.safeInteger ?? 0
        open = members["open"]?.elements.map(\.text) ?? []
        former = members["former"]?.elements.compactMap(\.text) ?? []
        left = members["left"]?.whole.map { UInt64(clamping: $0) }
        isText = members["text"] != nil
        parked = members["parked"].map(HandedSession.init)
        expires = members["expires"]?.whole.map { Timestamp(microseconds: Int64($0)) }
    }

    var format: Message.Format { isText ? .text : .json }

    /// The record of a host that is about to take the session.
    func taken(by other: String) -> SessionRecord {
        var record = self
        record.host = other
        if host != other { record.former = (former.filter { $0 != host } + [host]).suffix(Self.maxFormer) }
        return record
    }

    private static func short(_ id: String?) -> String? { id.flatMap { $0.utf8.count <= maxID ? $0 : nil } }
}

/// What one host hands another of a session.
struct HandedSession: Sendable {
    /// Whether the session was there; otherwise only answers are.
    var isKnown = true
    var sequence = 0
    var frames: [(sequence: Int, text: String)] = []
    var open: [String?] = []
    var isText = false
    var answers: JSONValue = .null

    var json: JSONValue {
        var members: [String: JSONValue] = ["sequence": .int(sequence)]
        if !isKnown { members["unknown"] = .bool(true) }
        if isText { members["text"] = .bool(true) }
        if !open.isEmpty { members["open"] = .array(open.map { JSONValue($0) }) }
        if !frames.isEmpty {
            members["frames"] = .array(frames.map { .array([.int($0.sequence), .string($0.text)]) })
        }
        if case .object = answers { members["answers"] = answers }
        return .object(members)
    }

    init() {}

    init(_ json: JSONValue) {
        let members = json.members
        isKnown = members["unknown"] == nil
        isText = members["text"] != nil
        sequence = members["sequence"]?.safeInteger ?? 0
        open = members["open"]?.elements.map(\.text) ?? []
        frames =
            members["frames"]?.elements.compactMap { pair in
                guard pair.elements.count == 2, let number = pair.elements[0].safeInteger,
                    let text = pair.elements[1].text
                else { return nil }
                return (number, text)
            } ?? []
        answers = members["answers"] ?? .null
    }

    /// As it is left beside the records.
    var bytes: [UInt8] {
        var object = JSONText()
        for (key, value) in json.members { object.add(key, value) }
        return object.finishedBytes
    }

    /// `nil` for anything else.
    init?(_ bytes: [UInt8]) {
        guard let json = JSONValue(json: String(decoding: bytes, as: UTF8.self)), case .object = json else {
            return nil
        }
        self.init(json)
    }

    var format: Message.Format { isText ? .text : .json }

    /// Leaves out what is oldest until it takes no more than so many bytes.
    mutating func trim(to limit: Int) {
        var bytes = frames.reduce(0) { $0 + 2 * $1.text.utf8.count + 32 }
        if bytes > limit / 2 || answers.json.utf8.count > limit / 2 { answers = .null }
        while bytes > limit / 2, !frames.isEmpty { bytes -= 2 * frames.removeFirst().text.utf8.count + 32 }
    }
}

extension RememberedAnswers.Key {
    /// As hosts tell each other.
    func json(_ mark: PromptMark) -> JSONValue {
        var members: [String: JSONValue] = ["id": .string(id.text), "mark": mark.json]
        if let user { members["user"] = .string(user.text) }
        if prompt == nil { members["stored"] = .bool(true) }
        return .object(members)
    }

    /// What another host has told.
    static func read(
        _ json: JSONValue, of session: String, pipeline: String
    ) -> (key: RememberedAnswers.Key, mark: PromptMark)? {
        let members = json.members
        guard let id = members["id"]?.text, let mark = PromptMark(members["mark"]) else { return nil }
        let key = RememberedAnswers.Key(
            pipeline: ExactText(pipeline), session: session, user: members["user"]?.text.map { ExactText($0) },
            id: ExactText(id), prompt: members["stored"] == nil ? mark : nil)
        return (key, mark)
    }
}

extension PromptMark {
    fileprivate var json: JSONValue {
        switch self {
        case .text(let text): .string(text.text)
        case .digest(let digest): .array((0..<4).map { .string(String(digest.words[$0], radix: 16)) })
        }
    }

    fileprivate init?(_ json: JSONValue?) {
        if let text = json?.text {
            self = .text(ExactText(text))
            return
        }
        let words = json?.elements.compactMap { $0.text.flatMap { UInt64($0, radix: 16) } } ?? []
        guard words.count == 4 else { return nil }
        self = .digest(TextDigest(words: SIMD4(words)))
    }
}

extension RememberedAnswers.OfSession {
    var json: JSONValue {
        .object([
            "answers": .array(
                answers.map { answer in
                    var members = answer.key.json(answer.mark).members
                    if let frame = answer.frame { members["frame"] = frame.shared }
                    members["left"] = .int(Int(answer.left / .milliseconds(1)))
                    return .object(members)
                }),
            "work": .array(
                work.map { work in
                    var members = work.key.json(work.mark).members
                    if !work.isOfClient { members["other"] = .bool(true) }
                    return .object(members)
                }),
        ])
    }

    init(_ json: JSONValue, of session: String, pipeline: String) {
        let members = json.members
        // A thousand days: no answer is remembered for longer, and it is added to a time.
        let longest = 86_400_000_000
        answers =
            members["answers"]?.elements.compactMap { element in
                RememberedAnswers.Key.read(element, of: session, pipeline: pipeline).map { key, mark in
                    Answered(
                        key: key, mark: mark, frame: ServerFrame(shared: element.members["frame"]),
                        left: .milliseconds(min(element.members["left"]?.safeInteger ?? 0, longest)))
                }
            } ?? []
        work =
            members["work"]?.elements.compactMap { element in
                RememberedAnswers.Key.read(element, of: session, pipeline: pipeline).map { key, mark in
                    Worked(key: key, mark: mark, isOfClient: element.members["other"] == nil)
                }
            } ?? []
    }
}

extension RememberedAnswers.Outcome {
    var json: JSONValue {
        switch self {
        case .answered(let frame): .object(["frame": frame?.shared ?? .null])
        case .failed: .null
        }
    }

    init(_ json: JSONValue?) {
        guard case .object(let members)? = json else {
            self = .failed
            return
        }
        self = .answered(ServerFrame(shared: members["frame"]))
    }
}
