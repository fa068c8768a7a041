package import Pipeline

extension ScriptedReply {
    /// What a model does with it.
    package var answer: ScriptedAnswer {
        var answer = ScriptedAnswer.stream(written.answer.map { [$0] } ?? written.stream, tokens: written.tokens)
        answer.response = written.response?.value.json
        answer.error = (written.error?.rawValue).map { .scripted(PipelineError.Code($0)) }
        answer.delay = written.after
        return answer
    }
}

extension InsertOutcome {
    /// What a database does with it.
    package var outcome: RecordedRows.Outcome {
        self == .ok ? .kept : .failing(.scripted(PipelineError.Code(rawValue)))
    }
}

extension DatabaseScript {
    /// Prepares a database for a test that speaks in a session.
    package func apply(to database: RecordedRows, in session: Session) {
        database.setDown(down)
        database.script(inserts.map(\.outcome))
        // An hour ago, a second between them.
        let begin = Timestamp.now.microseconds - 3_600_000_000
        database.begin(
            with: rows.enumerated().map { index, row in
                let time = Timestamp(microseconds: begin + Int64(index) * 1_000_000)
                return Row(
                    id: .timeOrdered(at: time), sessionID: session.id, prompt: row.prompt, response: row.response,
                    tokensUsed: row.tokensUsed, username: row.username, createdAt: time)
            })
    }
}
