/// A resource that keeps answered messages as rows of a table: a database.
public protocol RowStore: Resource {
    /// Makes the table ready, or checks that it is. Called when a stage that writes to it is opened.
    ///
    /// A store that can't be reached yet remembers the table and prepares it later.
    ///
    /// - Throws: Where the table lacks a column that a row needs.
    func prepare(table: String) async throws

    /// Stores rows. Storing a row again, by its id, changes nothing.
    ///
    /// - Throws: ``PipelineError`` with the code `database_unavailable` where the store can't be reached or is full.
    func insert(_ rows: [Row], into table: String) async throws

    /// The stored conversations, the latest first.
    func sessions(in table: String, limit: Int) async throws -> [StoredSession]

    /// The rows of a conversation, the first first.
    func rows(ofSession id: String, in table: String, limit: Int) async throws -> [Row]
}

/// One answered message, as the `requests` table has it.
public struct Row: Sendable, Hashable {
    /// The message's id: the primary key.
    public var id: UniqueID
    /// The conversation's id.
    public var sessionID: String
    /// What was asked.
    public var prompt: String
    /// What was answered.
    public var response: String
    /// Tokens that the API counted.
    public var tokensUsed: Int?
    /// The API's whole response as JSON text.
    public var metadata: String?
    /// Who asked.
    public var username: String
    /// Who was authenticated.
    public var userID: String?
    /// When the message was received.
    public var createdAt: Timestamp

    /// A row.
    public init(
        id: UniqueID, sessionID: String, prompt: String, response: String, tokensUsed: Int? = nil,
        metadata: String? = nil, username: String, userID: String? = nil, createdAt: Timestamp
    ) {
        self.id = id
        self.sessionID = sessionID
        self.prompt = prompt
        self.response = response
        self.tokensUsed = tokensUsed
        self.metadata = metadata
        self.username = username
        self.userID = userID
        self.createdAt = createdAt
    }
}

/// A stored conversation in short.
public struct StoredSession: Sendable, Hashable {
    /// The conversation's id.
    public var id: String
    /// Who spoke.
    public var username: String
    /// How many messages it has.
    public var messages: Int
    /// When its last message was received, as stored.
    public var lastMessageAt: String

    /// A conversation in short.
    public init(id: String, username: String, messages: Int, lastMessageAt: String) {
        self.id = id
        self.username = username
        self.messages = messages
        self.lastMessageAt = lastMessageAt
    }
}
