/// Says of keys that are no settings what was probably meant.
struct UnknownSettings {
    /// All entries of the mapping that they stand in.
    let entries: [Node.Entry]
    let owner: Owner
    let settings: [SettingType.Named]

    private var known: [String] { settings.map(\.name) }

    /// Reports one, unless it belongs to a mistake that was reported.
    ///
    /// - Parameter meant: The settings that others were meant to be, and then this one.
    func report(_ entry: Node.Entry, _ meant: inout Set<String>, with reader: inout SettingReader) {
        if let advice = advice(for: entry), !meant.isDisjoint(with: advice.stands) { return }
        meant.formUnion(report(entry, with: &reader))
    }

    private func advice(for entry: Node.Entry) -> Advice? {
        Advice.all.first { $0.isFor(entry.name, among: known) }
    }

    /// Reports one, and returns the settings that it was meant to be.
    private func report(_ entry: Node.Entry, with reader: inout SettingReader) -> Set<String> {
        let word = entry.name
        let shown = shown(word)
        func error(
            _ message: String, _ code: DiagnosticCode = .unknownSetting, suggestion: String? = nil,
            hidesLines: Bool = false
        ) {
            reader.diagnostics.error(
                code, at: entry.key.range, message, suggestion: suggestion, hidesLines: hidesLines || shown != word)
        }
        if let problem = ForeignMarks.problem(of: word) {
            error("unknown setting '\(shown)' of \(owner.name): \(problem)")
            return Set(known.filter { word.contains($0) })
        }
        if let advice = advice(for: entry) {
            let holdsSecret = ["password", "key", "api_key", "token", "keys"].contains(word) && entry.value.isWritten
            error(
                "unknown setting '\(word)' of \(owner.name): \(advice.text.replacing("WORD:", with: "\(word):"))",
                hidesLines: holdsSecret)
            return advice.stands
        }
        if let group = settings.first(where: { $0.type.has(word) }) {
            error(
                "unknown setting '\(word)' of \(owner.name): write it inside '\(group.name)', as in "
                    + "\(group.name): {\(word): …}", hidesLines: group.type.mayHoldSecret)
            return []
        }
        if let glued = glued(word) {
            error("unknown setting '\(shown)' of \(owner.name): \(glued.advice)")
            return [glued.key]
        }
        if isWithoutColon(entry, in: reader.diagnostics.source) {
            let before = before(entry)
            let isCutSecret = before.map { isSecret($0.name) } ?? false
            error(withoutColon(entry, after: before, isCutSecret: isCutSecret), hidesLines: isCutSecret)
            return []
        }
        if !known.contains(word), PipelineWords.modifiers.contains(word), owner.name.hasPrefix("stage ") {
            error(
                "'\(word)' is a modifier: write it beside \(owner.name), not among its settings", .misplacedModifier)
            return []
        }
        let meant = Spelling.meant(by: word.withoutTypographicQuotes ?? word, among: known)
        let all = known.isEmpty ? "it has none" : "there are: \(known.joined(separator: ", "))"
        let list = meant == nil && known.count <= 18 ? "; \(all)" : ""
        let holdsSecret = settings.contains { $0.name == meant && $0.type.mayHoldSecret } && entry.value.isWritten
        error("unknown setting '\(shown)' of \(owner.name)\(list)", suggestion: meant, hidesLines: holdsSecret)
        return meant.map { [$0] } ?? []
    }

    private func isSecret(_ key: String) -> Bool { settings.contains { $0.name == key && $0.type.isSecret } }

    /// The word without what may be a secret: `key=sk-…` is one word inside braces.
    private func shown(_ word: String) -> String {
        guard let mark = word.firstIndex(where: { ":=：＝ ".contains($0) }) else { return word }
        let key = word[..<mark].trimmedSpaces
        let isMisspelt =
            word[mark] != " " && !known.contains(key) && !PipelineWords.modifiers.contains(key)
            && settings.contains { $0.type.isSecret }
        return isSecret(key) || isMisspelt ? "\(word[...mark])…" : word
    }

    /// `timeout:30s` and `timeout=30s`: inside braces a word like any other.
    private func glued(_ word: String) -> (key: String, advice: String)? {
        guard let mark = word.firstIndex(where: { ":=".contains($0) }) else { return nil }
        let key = word[..<mark].trimmedSpaces
        guard known.contains(key) || PipelineWords.modifiers.contains(key) else { return nil }
        let value = isSecret(key) ? "…" : word[word.index(after: mark)...].drop { "=> ".contains($0) }
        return (
            key,
            word[mark] == ":"
                ? "a space is missing after the ':'; write '\(key): \(value)'"
                : "YAML has ':' in place of '='; write '\(key): \(value)'"
        )
    }

    /// Whether it is the rest of a text that a comma cut in two: inside braces a word without ':' is a key, too.
    private func isWithoutColon(_ entry: Node.Entry, in source: SourceFile) -> Bool {
        guard entry.value.isNull, !known.contains(entry.name), !PipelineWords.modifiers.contains(entry.name) else {
            return false
        }
        let end = source.index.nextContentOffset(from: source.bytes(of: entry.key.range).upperBound)
        let next = source.index[end]
        return next == UInt8(ascii: ",") || next == UInt8(ascii: "}")
    }

    private func before(_ entry: Node.Entry) -> Node.Entry? {
        let index = entries.firstIndex { $0.key.range == entry.key.range } ?? 0
        return index > 0 && entries[index - 1].value.scalar?.style == .plain ? entries[index - 1] : nil
    }

    private func withoutColon(_ entry: Node.Entry, after before: Node.Entry?, isCutSecret: Bool) -> String {
        guard let before, let text = before.value.scalar?.written else {
            let name = shown(entry.name)
            return "'\(name)' has no value: write '\(name == entry.name ? "\(name): …" : "KEY: …")'"
        }
        if isCutSecret {
            return "a comma ends the value of '\(before.name)': put a text with commas in quotes"
        }
        if case .int = before.value.scalar?.value, entry.name.allSatisfy(\.isNumber) {
            return "a comma ends the value of '\(before.name)': write \(text).\(entry.name), with a point"
        }
        return "a comma ends the value of '\(before.name)': put a text with commas in quotes, "
            + "as in \(before.name): \"\(text), \(entry.name)\""
    }
}

/// What to do about a setting that other programs have, where it is not one of another name.
private struct Advice {
    let words: Set<String>
    /// A setting that the same mapping has: by it is known whose settings they are.
    let beside: String
    let text: String
    /// The settings that are not missing where it is given.
    var stands: Set<String> = []

    func isFor(_ word: String, among known: [String]) -> Bool {
        words.contains(Synonyms.plain(word)) && known.contains(beside) && !known.contains(word)
    }

    static let all = [
        Advice(words: ["port"], beside: "trusted_proxies", text: "the port is an option, 'serve FILE --port 8000'"),
        Advice(
            words: ["host", "address", "bind", "listen", "interface", "ip"], beside: "trusted_proxies",
            text: "the address is an option, 'serve FILE --host 0.0.0.0'"),
        Advice(
            words: ["workers", "threads", "processes"], beside: "trusted_proxies",
            text: "the host uses every core by itself; take it away"),
        Advice(
            words: ["requests_per_second", "messages_per_second", "requests_per_minute", "rate", "rate_limit", "rps"],
            beside: "frames_per_second",
            text: "'frames_per_second' limits the messages of a connection, the stage 'limit' those of a user"),
        Advice(words: ["reload", "debug"], beside: "trusted_proxies", text: "it is an option, 'serve FILE --watch'"),
        Advice(
            words: ["log_level", "loglevel", "logging"], beside: "trusted_proxies",
            text: "it is a variable of the environment, LOG_LEVEL=debug"),
        Advice(
            words: ["port", "host", "address"], beside: "on_disconnect",
            text: "address and port are options, 'serve FILE --host 0.0.0.0 --port 8000'"),
        Advice(
            words: ["auth", "api_key", "key", "keys", "token", "jwt"], beside: "on_disconnect",
            text: "authentication is set once for the file, 'host: {auth: …}'"),
        Advice(
            words: [
                "top_p", "top_k", "min_p", "seed", "n", "tools", "tool_choice", "presence_penalty", "frequency_penalty",
                "logit_bias", "logprobs", "reasoning_effort", "user", "service_tier", "parallel_tool_calls",
                "functions",
                "verbosity", "max_completion_tokens", "metadata",
            ], beside: "extra", text: "write it in 'extra', as in extra: {WORD: …}"),
        Advice(
            words: ["messages", "history"], beside: "extra",
            text: "'system', 'prompt' and the stage 'recall' make the messages"),
        Advice(
            words: ["provider", "url", "base_url", "key", "api_key", "client"], beside: "extra",
            text: "the API stands under 'resources', as in model: {openai: {url: …, key: …}}"),
        Advice(
            words: ["key_file", "api_key_file", "keyfile"], beside: "connect_timeout",
            text: "write 'key: {file: PATH}'"),
        Advice(
            words: ["timeout", "request_timeout"], beside: "connect_timeout",
            text: "it belongs to the stage, 'complete: {timeout: 30s}'"),
        Advice(
            words: ["temperature", "max_tokens", "stream", "system"], beside: "connect_timeout",
            text: "it belongs to the stage, 'complete: {WORD: …}'"),
        Advice(
            words: ["get", "post", "put", "patch", "delete"], beside: "into",
            text: "write 'url: …', and the method, where it is another than GET, as 'method: …'", stands: ["url"]),
        Advice(
            words: ["params", "query"], beside: "into",
            text: "write it in the address, as in url: \"https://…?text={{prompt}}\""),
        Advice(words: ["enabled"], beside: "when_full", text: "write 'async: true', or leave 'async' out"),
        Advice(
            words: ["when", "stages", "if", "then"], beside: "cases",
            text: "cases are a list: write '- route:' and below it '- when: …' and 'stages: …'", stands: ["cases"]),
        Advice(
            words: ["password", "user", "username", "hostname", "dbname", "database", "port", "host"], beside: "create",
            text: "it is part of the address, 'url: postgresql://USER:PASSWORD@HOST:5432/DATABASE'"),
    ]
}
