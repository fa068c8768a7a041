/// How an answer ended, in the words of OpenAI's API, which is also how whole answers are stored.
package enum FinishReason {
    /// `nil` for what is no word; an empty one, which some APIs send with every piece, says nothing.
    package static func read(_ reader: inout JSONReader) throws(JSONReader.Problem) -> String? {
        guard reader.next() == .string else {
            try reader.skip()
            return nil
        }
        let reason = try reader.piece().closed
        return reason.isEmpty ? nil : reason
    }

    /// The reason as clients are told it; one that is longer than any word is none.
    package static func shown(_ reason: String?) -> String? { reason.flatMap { $0.utf8.count <= 64 ? $0 : nil } }

    /// How the answer of a response that was stored has ended; `nil` where the response does not say.
    package static func ofStored(_ response: String) -> String? {
        var (reason, choices): (String?, Int?)
        try? JSONReader.read(Array(response.utf8), leniency: .everything) { (reader) throws(JSONReader.Problem) in
            try reader.object { (reader, key) throws(JSONReader.Problem) in
                // Only the first choice counts.
                guard key == "choices", choices == nil else { return try reader.skip() }
                choices = 0
                if try reader.takesNull() { return }
                try reader.array { (reader) throws(JSONReader.Problem) in
                    choices = (choices ?? 0) + 1
                    guard choices == 1 else { return try reader.skip() }
                    try reader.object { (reader, key) throws(JSONReader.Problem) in
                        guard key == "finish_reason" else { return try reader.skip() }
                        reason = try FinishReason.read(&reader)
                    }
                }
            }
        }
        return shown(reason)
    }
}
