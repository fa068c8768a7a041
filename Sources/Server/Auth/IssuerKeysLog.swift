import Logging

/// What the log says of an issuer's keys: each change once, and not each question.
struct IssuerKeysLog {
    struct Entry {
        let level: Logger.Level
        let message: Logger.Message
        let detail: String?

        /// The entry's fields; of the address its query is left out.
        func metadata(for address: KeySetAddress) -> Logger.Metadata {
            var metadata: Logger.Metadata = ["address": "\(address.shown)"]
            if let detail { metadata["detail"] = "\(detail)" }
            return metadata
        }
    }

    private var isFailing = false
    private var saysTooOld = false
    private var contents: String?
    private var notes: String?

    /// The issuer has sent keys.
    mutating func fetched(_ set: KeySet) -> [Entry] {
        var entries: [Entry] = []
        if isFailing {
            entries.append(Entry(level: .notice, message: "The issuer's keys are fetched again", detail: set.contents))
        } else if contents != set.contents {
            entries.append(Entry(level: .info, message: "Fetched the issuer's keys", detail: set.contents))
        }
        if let said = set.notes, said != notes {
            let level: Logger.Level = set.hasFaults ? .warning : .info
            entries.append(Entry(level: level, message: "Some of the issuer's keys are not used", detail: said))
        }
        (isFailing, saysTooOld, contents, notes) = (false, false, set.contents, set.notes)
        return entries
    }

    /// The issuer has sent no keys.
    ///
    /// - Parameters:
    ///   - hasKeys: Whether there are keys that count.
    ///   - had: Whether there have been any.
    mutating func failed(_ problem: KeySetProblem, hasKeys: Bool, had: Bool) -> [Entry] {
        defer { (isFailing, saysTooOld) = (true, !hasKeys && had) }
        if !hasKeys, had, !saysTooOld {
            let message: Logger.Message =
                "The issuer's keys are older than 24 h and no longer used: tokens are answered 503 until they are fetched"
            return [Entry(level: .error, message: message, detail: problem.description)]
        }
        guard !isFailing else { return [] }
        let message: Logger.Message =
            hasKeys
            ? "The issuer's keys can't be fetched; the last ones are used for up to 24 h"
            : "The issuer's keys can't be fetched: tokens are answered 503 until they are"
        return [Entry(level: hasKeys ? .warning : .error, message: message, detail: problem.description)]
    }
}
