import Pipeline

/// Answers that are in the table already, or on their way there, by the ids that messages have on any host.
enum StoredAnswers {
    /// The answer to a message that came before; `nil` where there is none, or a part of one.
    ///
    /// - Throws: `invalid_message` where its id was used for another prompt, `database_unavailable` where the table can't
    ///   be asked.
    @inline(never)
    static func completion(of message: Message, in pipeline: ServedPipeline) async throws(PipelineError) -> Completion?
    {
        // The queues come first: a message that is stored in between is then found twice, not never.
        for waiting in try await pipeline.chain.pending.messages(message.id, ofSession: message.session.id) {
            guard var completion = waiting.completion, !completion.isPartial else { continue }
            try check(waiting.prompt, waiting.session.userID, against: message)
            completion.finishReason =
                completion.finishReason ?? completion.response.flatMap(FinishReason.ofStored)
            return completion
        }
        for table in pipeline.tables {
            guard let row = try await row(of: message, in: table) else { continue }
            try check(row.prompt, row.userID, against: message)
            if !row.isPartial {
                return Completion(
                    text: row.response, tokensUsed: row.tokensUsed, response: row.metadata,
                    finishReason: row.metadata.flatMap(FinishReason.ofStored))
            }
        }
        return nil
    }

    private static func row(of message: Message, in table: StoredTable) async throws(PipelineError) -> Row? {
        do {
            return try await table.store.row(message.id, ofSession: message.session.id, in: table.name)
        } catch let error as PipelineError {
            throw error.code == .databaseUnavailable || error.code == .cancelled
                ? error : .databaseUnavailable(error.detail ?? error.message)
        } catch is CancellationError {
            throw .cancelled
        } catch {
            throw .databaseUnavailable("\(error)")
        }
    }

    private static func check(_ prompt: String, _ userID: String?, against message: Message) throws(PipelineError) {
        guard prompt.isExactly(Row.storable(message.prompt)) || prompt.isExactly(message.prompt),
            userID.isExactly(message.session.userID)
        else { throw .usedID }
    }
}

extension Completion {
    fileprivate var isPartial: Bool {
        (try? JSONReader.members(["partial"], of: Array((response ?? "").utf8)))??["partial"] == .bool(true)
    }
}
