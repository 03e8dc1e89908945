-- The names that keys of model providers have: what a step's model may use without its workflow declaring it.
-- functions/shared/dsl/catalogue.py names the same; a test compares them.
create function plane._provider_keys()
returns text[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return '{ANTHROPIC_API_KEY, AZURE_AI_API_KEY, AZURE_API_KEY, CEREBRAS_API_KEY, COHERE_API_KEY, DEEPSEEK_API_KEY, FIREWORKS_AI_API_KEY,
    FIREWORKS_API_KEY, GEMINI_API_KEY, GOOGLE_API_KEY, GROQ_API_KEY, HF_TOKEN, HUGGINGFACE_API_KEY, MISTRAL_API_KEY, OPENAI_API_KEY,
    OPENROUTER_API_KEY, PERPLEXITYAI_API_KEY, PERPLEXITY_API_KEY, REPLICATE_API_KEY, REPLICATE_API_TOKEN, TOGETHERAI_API_KEY,
    TOGETHER_API_KEY, XAI_API_KEY}';
end;
$$;
