extension Row {
    /// The row as a JSON object with the columns' names.
    ///
    /// - Parameter metadata: JSON that stands for the row's own.
    package func json(metadata: String) -> String {
        var object = JSONText()
        object.add("id", idText)
        object.add("session_id", sessionID)
        object.add("prompt", prompt)
        object.add("response", response)
        object.add("tokens_used", raw: tokensUsed.map(String.init) ?? "null")
        object.add("metadata", raw: metadata)
        object.add("username", username)
        object.add("user_id", raw: userID.map(JSONText.quoted) ?? "null")
        object.add("created_at", createdAt.description)
        return object.finished
    }
}
