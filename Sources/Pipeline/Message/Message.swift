/// One prompt on its way through a ``Chain``: what came in, what the stages made of it, and the way back.
public struct Message: Sendable {
    /// Made at receipt (UUID version 7); the row's primary key, so that storing twice stores once.
    public let id: UniqueID

    /// When the host received it; the row's `created_at`.
    public let receivedAt: Timestamp

    /// The conversation it belongs to.
    public let session: Session

    /// The client's own `id` for it, returned with the answer; `nil` in text format.
    public let clientID: String?

    /// What the client asked. Stages may rewrite it.
    public var prompt: String

    /// What the model answered; `nil` until a stage provides it.
    public var completion: Completion?

    /// What was said before in the conversation, the oldest first; empty where no stage recalls it.
    public var history: [CompletionRequest.Turn] = []

    /// What the client sent as `metadata`.
    public var metadata: [String: JSONValue]

    /// The way back to the client; `nil` where nobody waits, as in a test of one stage.
    public var reply: (any Reply)? {
        get { hasReply ? way : nil }
        set { (way, hasReply) = (newValue ?? NoReply(), newValue != nil) }
    }

    // Apart, as copying what may be missing costs four times as much.
    private var way: any Reply
    private var hasReply: Bool

    package private(set) var fields: [Field: JSONValue] = [:]

    /// What the engine carries along with it; `nil` for most messages. Only the engine knows what it is.
    var engineState: (any EngineState)?

    /// A message with an id of its own, received now.
    public init(
        prompt: String,
        session: Session = Session(),
        clientID: String? = nil,
        metadata: [String: JSONValue] = [:],
        reply: (any Reply)? = nil
    ) {
        let now = Timestamp.now
        self.id = .timeOrdered(at: now)
        self.receivedAt = now
        self.session = session
        self.clientID = clientID
        self.prompt = prompt
        self.metadata = metadata
        hasReply = reply != nil
        way = reply ?? NoReply()
    }

    /// A message that was received earlier.
    package init(
        id: UniqueID, receivedAt: Timestamp, session: Session, clientID: String?, prompt: String,
        metadata: [String: JSONValue] = [:]
    ) {
        self.init(
            id: id, receivedAt: receivedAt, session: session, clientID: clientID, prompt: prompt, metadata: metadata,
            answeredBy: NoReply())
        hasReply = false
    }

    /// A message whose client waits for the answer.
    package init(
        id: UniqueID, receivedAt: Timestamp, session: Session, clientID: String?, prompt: String,
        metadata: [String: JSONValue], answeredBy way: any Reply
    ) {
        self.id = id
        self.receivedAt = receivedAt
        self.session = session
        self.clientID = clientID
        self.prompt = prompt
        self.metadata = metadata
        (self.way, hasReply) = (way, true)
    }

    /// Answers it, where somebody waits.
    package borrowing func answer() { way.answer(self) }

    /// The value of a field that a custom stage made up.
    public subscript(field: Field) -> JSONValue? {
        get { fields[field] }
        set { fields[field] = newValue }
    }
}

/// The way back of a message for which nobody waits.
private struct NoReply: Reply {
    func answer(_ message: Message) {}
    func abandon(_ message: Message) {}
}

/// What the engine carries along with a message, in one reference: each copy of a message that has none costs no more.
typealias EngineState = AnyObject & Sendable

/// The conversation that a message belongs to.
public struct Session: Sendable, Hashable {
    /// Every message and each copy of it has its session, so that is one reference.
    private final class Storage: Sendable {
        let id: String
        let username: String
        let userID: String?
        let address: String?

        init(_ id: String, _ username: String, _ userID: String?, _ address: String?) {
            (self.id, self.username, self.userID, self.address) = (id, username, userID, address)
        }
    }

    private let storage: Storage

    /// A UUID (version 4) in lower-case text.
    public var id: String { storage.id }

    /// Who speaks; `WebUser` where nobody said.
    public var username: String { storage.username }

    /// Who was authenticated; `nil` without authentication.
    public var userID: String? { storage.userID }

    /// Where the client connects from; `nil` for messages that come again from a queue, and in tests.
    public var address: String? { storage.address }

    /// The name of those who say none.
    public static let anonymous = "WebUser"

    /// A session, by default a new one.
    public init(
        id: String = UniqueID.random().description, username: String = Session.anonymous, userID: String? = nil,
        address: String? = nil
    ) {
        storage = Storage(id, username, userID, address)
    }

    /// By what they hold, byte for byte.
    public static func == (left: Session, right: Session) -> Bool {
        left.storage === right.storage
            || left.id.isExactly(right.id) && left.username.isExactly(right.username)
                && left.userID.isExactly(right.userID) && left.address.isExactly(right.address)
    }

    /// By what it holds.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(ExactText(id))
        hasher.combine(ExactText(username))
        hasher.combine(userID.map { ExactText($0) })
        hasher.combine(address)
    }
}

/// The way back to the client of one message. The host provides it; `respond` uses it.
///
/// A message is answered at most once: what comes after its first answer is dropped.
public protocol Reply: Sendable {
    /// Sends the message's completion to the client. Never waits for the network.
    func answer(_ message: Message)

    /// Whether the client takes an answer in pieces.
    var takesDeltas: Bool { get }

    /// Sends a piece of the answer that is to come. Never waits for the network.
    func send(delta: String, of message: Message)

    /// Whether the client takes what is sent to it now, so that nobody need wait. One that says no is asked to
    /// ``waitForRoom()``.
    var hasRoom: Bool { get }

    /// Returns once the client takes what is sent to it.
    func waitForRoom() async

    /// Says that no answer will come for this message any more, for stages behind a queue.
    func abandon(_ message: Message)
}

extension Reply {
    /// Does not.
    public var takesDeltas: Bool { false }

    /// Drops it.
    public func send(delta: String, of message: Message) {}

    /// Is not known.
    public var hasRoom: Bool { false }

    /// At once.
    public func waitForRoom() async {}
}
