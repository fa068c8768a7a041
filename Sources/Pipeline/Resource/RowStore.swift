/// A resource that keeps answered messages as rows of a table: a database.
public protocol RowStore: Resource {
    /// How long one insert may take at most; `nil` where nothing bounds it.
    var longestInsert: Duration? { get }

    /// How long one look into the table may take at most; as an insert, unless said.
    var longestLookUp: Duration? { get }

    /// Makes the table ready, or checks that it is. Called when a stage that writes to it is opened.
    ///
    /// A store that can't be reached yet remembers the table and prepares it later.
    ///
    /// - Throws: Where the table lacks a column that a row needs.
    func prepare(table: String) async throws

    /// Stores rows. Storing a row again, by its id, changes nothing; but a row of a part of an answer (whose `metadata` says
    /// `"partial": true`) gives way to another with the same id of version 8, which a message has that came again.
    ///
    /// - Throws: ``PipelineError`` with the code `database_unavailable` where the store can't be reached or is full.
    func insert(_ rows: [Row], into table: String) async throws

    /// The stored conversations, the latest first.
    func sessions(in table: String, limit: Int) async throws -> [Row.SessionSummary]

    /// The rows of a conversation, the first first; where there are more than the limit, the last of them.
    func rows(ofSession id: String, in table: String, limit: Int) async throws -> [Row]

    /// The row with an id, of that conversation; `nil` where there is none.
    ///
    /// - Throws: ``PipelineError`` with the code `database_unavailable` where the store can't be reached.
    func row(_ id: UniqueID, ofSession session: String, in table: String) async throws -> Row?

    /// The tokens of a user's rows from a time on; of a name that nobody authenticated, those of rows without a user.
    func tokensUsed(by user: Row.User, since time: Timestamp, in table: String) async throws -> Int

    /// Removes rows by their ids: what a trial left behind.
    func delete(_ ids: [UniqueID], from table: String) async throws

    /// Looks at the table without changing anything: what it lacks and which columns are of another type, each in a
    /// sentence that says what to do; empty where all is well.
    ///
    /// - Throws: ``PipelineError`` with the code `database_unavailable` where the store can't be reached.
    func problems(of table: String) async throws -> [String]

    /// Looks at the table without changing anything: what works and is perhaps not meant, such as a table that loses its
    /// rows in a crash, each in a sentence with what to do; empty where there is nothing.
    ///
    /// - Throws: As ``problems(of:)``.
    func advice(on table: String) async throws -> [String]

    /// Asks the server what it does not promise of rows that it has taken, each in a sentence; empty for a store without
    /// a server. Works before ``Resource/open(_:)``, too.
    ///
    /// - Throws: As ``problems(of:)``.
    func serverAdvice() async throws -> [String]

    /// The SQL that makes the table, its indexes and what keeps `updated_at`. Running it twice does no harm.
    func migration(for table: String) -> String

    /// Runs the migration.
    ///
    /// - Throws: ``TableProblem/MigrationUnsupported`` where the store has no way to run SQL.
    func migrate(_ table: String) async throws
}

extension RowStore {
    /// A database.
    public static var kind: String { "database" }

    /// Nothing bounds it.
    public var longestInsert: Duration? { nil }

    /// As an insert.
    public var longestLookUp: Duration? { longestInsert }

    /// None.
    public func advice(on table: String) async throws -> [String] { [] }

    /// None.
    public func serverAdvice() async throws -> [String] { [] }

    /// Looks through the last 1,000 rows of the conversation. A store that can look for an id does that.
    public func row(_ id: UniqueID, ofSession session: String, in table: String) async throws -> Row? {
        try await rows(ofSession: session, in: table, limit: 1_000).first { $0.id == id }
    }
}

/// A store in a file of this machine.
package protocol FileStore: RowStore {
    /// The whole path of the file, where it is not there and would be made; `nil` where it is there.
    var missingFile: String? { get }
}

extension TableProblem {
    /// A store that can't run SQL: the migration is to be run by hand.
    public struct MigrationUnsupported: Error, CustomStringConvertible {
        /// Where to run it.
        public let description: String

        /// Says where the SQL can be run.
        public init(_ description: String) {
            self.description = description
        }
    }
}

/// One answered message, as the `requests` table has it.
public struct Row: Sendable, Hashable {
    /// The message's id: the primary key. For a row that another program stored under an id of its own, one that stands
    /// for it.
    public var id: UniqueID
    /// The id as another program stored it, where it is not the canonical form of a UUID.
    public var storedID: String?
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

    /// The id as the table has it.
    public var idText: String { storedID ?? id.description }

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

    /// A row as a table has it, whatever its id is.
    public init(
        storedID: String, sessionID: String, prompt: String, response: String, tokensUsed: Int? = nil,
        metadata: String? = nil, username: String, userID: String? = nil, createdAt: Timestamp
    ) {
        let id = UniqueID(storedID) ?? UniqueID(standingFor: storedID)
        self.init(
            id: id, sessionID: sessionID, prompt: prompt, response: response, tokensUsed: tokensUsed,
            metadata: metadata, username: username, userID: userID, createdAt: createdAt)
        if id.description != storedID { self.storedID = storedID }
    }
}

extension Row {
    /// Whose rows are meant: those of an authenticated user, or of a name that nobody authenticated.
    public struct User: Sendable, Hashable {
        /// Who was authenticated; `nil` without authentication.
        public let userID: String?
        /// Who says to be speaking.
        public let username: String

        /// The user of a conversation.
        public init(_ session: Session) {
            userID = session.userID
            username = session.username
        }

        /// By their bytes, as databases tell names apart.
        public static func == (left: Row.User, right: Row.User) -> Bool {
            left.userID.isExactly(right.userID) && left.username.isExactly(right.username)
        }

        /// By what it holds.
        public func hash(into hasher: inout Hasher) {
            hasher.combine(userID.map { ExactText($0) })
            hasher.combine(ExactText(username))
        }
    }
}

extension Row {
    /// A stored conversation in short.
    public struct SessionSummary: Sendable, Hashable {
        /// The conversation's id.
        public var id: String
        /// Who spoke.
        public var username: String
        /// How many messages it has.
        public var messages: Int
        /// When its last message was received, in UTC.
        public var lastMessageAt: String

        /// A conversation in short.
        public init(id: String, username: String, messages: Int, lastMessageAt: String) {
            self.id = id
            self.username = username
            self.messages = messages
            self.lastMessageAt = lastMessageAt
        }
    }
}
