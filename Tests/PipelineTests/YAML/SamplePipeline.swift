/// The documented pipeline file.
let samplePipeline = """
    pipeline: chat

    resources:
      model:
        openai: {url: "${OPENAI_BASE_URL:-https://api.openai.com/v1}", key: "${OPENAI_API_KEY:-}"}
      database:
        sqlite: {path: data/stagecoach.db}

    stages:
      - receive: {path: /ws}
      - validate: {resources: [model, database], max_length: 8000}
      - complete: {model: gpt-3.5-turbo, timeout: 30s}
      - persist: {table: requests}
        async: true
      - respond

    """
