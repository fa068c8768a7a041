/// Words that mean what a name of pipeline files means: those of other tools, of Python's frameworks and of everyday use.
package enum Synonyms {
    /// The name that a word stands for among those that there are; `nil` where it is like none.
    package static func meant(by word: String, among known: some Sequence<String>) -> String? {
        let word = plain(word)
        let known = Array(known)
        for group in groups where group.contains(word) {
            if let name = known.first(where: { $0 != word && group.contains(plain($0)) }) { return name }
        }
        return nil
    }

    /// `maxLength` and `max-length` as `max_length`.
    package static func plain(_ word: String) -> String {
        var result = ""
        var isAfterSmall = false
        for character in word {
            if character.isUppercase, isAfterSmall { result += "_" }
            isAfterSmall = character.isLowercase
            result += character == "-" || character == " " ? "_" : character.lowercased()
        }
        return result
    }

    private static let groups: [Set<String>] = lines.split(separator: "\n").map { line in
        Set(line.split(separator: " ").map(String.init))
    }

    /// A line for each meaning.
    private static let lines = """
        pipeline name title id
        stages steps stage step tasks jobs flow nodes chain workflow then do
        resources resource services service providers connections models databases
        host server hosts serve
        description desc summary about comment
        tests test
        respond reply answer response send return output
        complete llm model chat openai gpt generate completion ask infer ai chat_completion
        persist save store insert database db write
        receive input websocket ws listen endpoint entry in socket
        validate check guard verify validation
        recall memory history context remember
        limit rate_limit ratelimit throttle rate
        log print logger logging
        route switch router branch case match if choose
        parallel concurrent fork all gather
        attempt try rescue
        background async queue spawn defer
        use include import call extends
        http request fetch webhook curl rest get post api
        exec shell run script python command subprocess process program
        transform set format template map assign rewrite
        openai ollama vllm azure azure_openai litellm openrouter groq mistral lmstudio llamacpp deepseek together
        postgres pg psql pgsql postgresql cockroach timescale
        sqlite sqlite3 file
        disk redis rabbitmq kafka sqs celery persistent durable file
        memory ram inmemory in_memory
        echo mock fake dummy stub
        label name id
        async background fire_and_forget
        timeout deadline time_limit timeout_seconds timeout_s timeout_ms
        retry retries attempts max_retries max_attempts
        when if condition only_if
        on_error except catch on_failure onerror error errors on_fail
        key api_key apikey token secret password anon_key service_key keyfile ssl_keyfile key_file
        url uri base_url api_base endpoint address host dsn connection_string api_url server database_url
        path file filename filepath location route url
        attempts times tries retries max_attempts max_retries count max
        backoff delay wait interval
        max_backoff max_delay max_wait
        max_length max_len length limit max max_chars
        table table_name tablename
        text message msg
        include fields
        messages requests rate count calls max_requests max
        every window interval period per_seconds
        per by scope group_by
        tokens budget token_limit max_tokens
        command cmd program run script
        environment env
        certificate cert certfile ssl_certfile cert_file crt
        system system_prompt instructions system_message
        max_tokens max_completion_tokens max_new_tokens max_output_tokens
        resource resources database db store model_resource
        origins cors cors_origins allow_origins allowed_origins
        capacity size maxsize max_size
        workers threads concurrency parallelism
        processes workers
        dead_letter dead_letters dlq dead_letter_file dead_letter_queue
        when_full overflow on_full
        catch except rescue otherwise fallback
        all branches
        cases routes rules branches
        stream streaming
        turns count history last limit
        keys api_keys tokens key
        trusted_proxies proxies forwarded_allow_ips
        tls ssl https
        into to save extract
        body json data payload
        headers header
        method verb
        with variables vars parameters params
        equals eq is equal value
        one_of in any_of
        matches regex regexp pattern match
        starts_with startswith prefix begins_with
        longer_than min_length length_gt gt longer
        present exists required
        warning warn
        critical fatal
        error err
        address ip client remote_addr
        wait block backpressure
        drop discard
        reject refuse
        continue ignore skip pass log
        stop abort raise fail throw
        json jsonl
        """
}

extension Spelling {
    /// What a word was meant to be: a name that is spelled nearly so, one of the same meaning, or one that the word begins
    /// with.
    package static func meant(by word: String, among words: some Sequence<String>) -> String? {
        let words = Array(words)
        if let near = nearest(to: word, among: words) ?? Synonyms.meant(by: word, among: words) { return near }
        let parts = Synonyms.plain(word).split(separator: "_")
        guard parts.count > 1 else { return nil }
        return words.first {
            parts.count > $0.split(separator: "_").count && parts.starts(with: $0.split(separator: "_"))
        }
    }
}
