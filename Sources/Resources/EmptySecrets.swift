import Pipeline

extension OpenAI: KeyedResource {
    package var emptySecrets: [(setting: String, consequence: String)] {
        key.isEmpty ? [("key", "clients hear '\(PipelineError.modelKeyMissing.message)'")] : []
    }
}

extension Supabase: KeyedResource {
    package var emptySecrets: [(setting: String, consequence: String)] {
        [("url", url.isEmpty), ("key", key.isEmpty)].filter(\.1).map { ($0.0, "nothing can be stored") }
    }
}

extension Postgres: KeyedResource {
    package var emptySecrets: [(setting: String, consequence: String)] {
        url.isEmpty ? [("url", "nothing can be stored")] : []
    }

    package var wrongAddress: String? {
        guard !url.isEmpty else { return nil }
        let address = PostgresAddress(url)
        return address.text == nil ? address.problem : nil
    }
}
