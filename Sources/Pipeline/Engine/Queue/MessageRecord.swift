extension Message {
    /// Everything of a message that outlives the process: what queues on disk and dead letters keep.
    public struct Record: Sendable, Hashable {
        /// The message's id.
        public var id: String
        /// When it was received, in microseconds since 1970.
        public var receivedAt: Int64
        /// The conversation.
        public var session: String
        /// Who spoke.
        public var username: String
        /// Who was authenticated.
        public var userID: String?
        /// The client's own id for it.
        public var clientID: String?
        /// What was asked.
        public var prompt: String
        /// What was answered.
        public var completion: String?
        /// Tokens that the API counted.
        public var tokensUsed: Int?
        /// The API's whole response.
        public var response: String?
        /// The client's metadata.
        public var metadata: [String: JSONValue]?
        /// The fields that stages made up.
        public var fields: [String: JSONValue]?
        /// Which trace it is a part of, as header fields say it: `traceparent`, and what else the tracer has.
        public var trace: [String: String]?

        /// A record of these parts.
        public init(
            id: String, receivedAt: Int64, session: String, username: String, userID: String? = nil,
            clientID: String? = nil, prompt: String, completion: String? = nil, tokensUsed: Int? = nil,
            response: String? = nil, metadata: [String: JSONValue]? = nil, fields: [String: JSONValue]? = nil,
            trace: [String: String]? = nil
        ) {
            self.id = id
            self.receivedAt = receivedAt
            self.session = session
            self.username = username
            self.userID = userID
            self.clientID = clientID
            self.prompt = prompt
            self.completion = completion
            self.tokensUsed = tokensUsed
            self.response = response
            self.metadata = metadata
            self.fields = fields
            self.trace = trace
        }

        /// A message's record.
        public init(_ message: Message) {
            id = message.id.description
            receivedAt = message.receivedAt.microseconds
            session = message.session.id
            username = message.session.username
            userID = message.session.userID
            clientID = message.clientID
            prompt = message.prompt
            completion = message.completion?.text
            tokensUsed = message.completion?.tokensUsed
            response = message.completion?.response
            metadata = message.metadata.isEmpty ? nil : message.metadata
            let made = message.fields
            fields = made.isEmpty ? nil : Dictionary(made.map { ($0.key.name, $0.value) }) { first, _ in first }
            trace = message.trace?.carried
        }

        /// The message again, without a way back to its client; `nil` where the id is none, or the time none that can be
        /// written.
        public var message: Message? {
            guard let id = UniqueID(id), Message.Record.times.contains(receivedAt) else { return nil }
            var message = Message(
                id: id, receivedAt: Timestamp(microseconds: receivedAt),
                session: Session(id: session, username: username, userID: userID), clientID: clientID, prompt: prompt)
            message.completion = completion.map { Completion(text: $0, tokensUsed: tokensUsed, response: response) }
            message.metadata = metadata ?? [:]
            for (name, value) in fields ?? [:] { message[Field(name)] = value }
            message.trace = trace.flatMap { MessageTrace(of: message, carried: $0) }
            return message
        }

        /// The years 1 to 9999, which every database can store.
        private static let times: ClosedRange<Int64> = -62_135_596_800_000_000...253_402_300_799_999_999
    }
}
