"""The shapes of requests and answers; they validate, and the OpenAPI document is made from them."""
