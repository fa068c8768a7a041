extension Chain {
    /// What is wrong with the addresses of its resources.
    package var addressProblems: [(problem: String, secret: EmptySecret)] {
        resources.compactMap { named in
            (named.resource as? any KeyedResource)?.wrongAddress.map {
                ($0, EmptySecret(resource: named.name, setting: "url", consequence: "", source: named.source))
            }
        }
    }

    /// The keys of its resources that are empty.
    package var emptySecrets: [EmptySecret] {
        resources.flatMap { named in
            ((named.resource as? any KeyedResource)?.emptySecrets ?? []).map {
                EmptySecret(
                    resource: named.name, setting: $0.setting, consequence: $0.consequence, source: named.source)
            }
        }
    }
}
