package import Pipeline

extension Row {
    /// The row with its columns as tests name them.
    package func value(table: String) -> JSONValue {
        let metadata = metadata.flatMap(JSONValue.init(json:))
        return .object([
            "table": .string(table), "id": .string(id.description), "session_id": .string(sessionID),
            "prompt": .string(prompt), "response": .string(response),
            "tokens_used": tokensUsed.map(JSONValue.int) ?? .null, "metadata": metadata ?? .null,
            "username": .string(username), "user_id": userID.map(JSONValue.string) ?? .null,
            "created_at": .string(createdAt.description),
        ])
    }
}
