/// A new pipeline file: the documented flow, offline, with what each line means.
enum PipelineTemplate {
    static func text(name: String, schema: String) -> String {
        """
        # A conversation service, without a key or a network: the model answers with the prompt itself.
        # yaml-language-server: $schema=\(schema)
        pipeline: \(name)

        resources:                        # what stages share: NAME: {TYPE: {settings}}
          model:
            echo: {}                      # a real one: openai: {url: "https://api.openai.com/v1", key: "${OPENAI_API_KEY:-}"}
          database:
            sqlite: {path: data/\(name).db}

        stages:                           # one after the other, for every message
          - receive: {path: /ws}          # where clients connect
          - validate: {resources: [model, database], max_length: 8000}
          - complete: {timeout: 30s}
          - persist: {table: requests}
            async: true                   # in the background: the answer does not wait for the row
          - respond
        """
    }

    /// A name as it was typed.
    ///
    /// - Throws: ``NewProblem`` where it can't name a file and a pipeline.
    static func checked(_ typed: String) throws(NewProblem) -> String {
        func isGood(_ byte: UInt8) -> Bool {
            (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte)
        }
        let isName = typed.utf8.allSatisfy { isGood($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }
        if isName, let first = typed.utf8.first, isGood(first) { return typed }
        let base =
            typed.hasSuffix(".yaml") ? typed.dropLast(5) : typed.hasSuffix(".yml") ? typed.dropLast(4) : typed[...]
        let words = base.split(separator: "/").last.map { $0.utf8.split { !isGood($0) } } ?? []
        let proposal = words.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "-")
        let folder = typed.contains("/") ? ", in the folder where it belongs" : ""
        throw NewProblem(
            "'\(typed)' is no name for a pipeline: letters, digits, '-' and '_'; "
                + "try '\(proposal.isEmpty ? "chat" : proposal)'\(folder)")
    }
}
